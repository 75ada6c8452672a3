/* getrusage's page faults and size, which tests of resources print. Expected output (n=1): "rusage
   ok". */
#include <mpi.h>
#include <stdio.h>
#include <sys/resource.h>

int main(int argc, char **argv) {
    struct rusage u;
    MPI_Init(&argc, &argv);
    if (getrusage(RUSAGE_SELF, &u) != 0 || u.ru_minflt < 0 || u.ru_maxrss < 0)
        return 1;
    printf("rusage ok\n");
    MPI_Finalize();
    return 0;
}
