/* A rank pins itself, as programs for clusters do; what it cannot do it may refuse. Compile with
 * -D_GNU_SOURCE. Expected output (n=1): "asked". */
#include <mpi.h>
#include <sched.h>
#include <stdio.h>

int main(int argc, char **argv) {
    cpu_set_t set;
    MPI_Init(&argc, &argv);
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    (void) sched_setaffinity(0, sizeof set, &set);
    printf("asked\n");
    MPI_Finalize();
    return 0;
}
