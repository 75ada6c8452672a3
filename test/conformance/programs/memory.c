/* Half a GiB in one rank, unchecked, as test programs do. Prints "536870912 bytes". With an
 * argument it checks, and gives up in the way of its letter. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    size_t n = (size_t) 1 << 29;
    MPI_Init(&argc, &argv);
    char *volatile p = malloc(n);
    if (argc > 1 && !p) {
        if (argv[1][0] == 'e')
            exit(3);
        if (argv[1][0] == 'a')
            MPI_Abort(MPI_COMM_WORLD, 4);
        puts("went on without it");
        MPI_Finalize();
        return 0;
    }
    memset(p, 1, n);
    if (p[n - 1] == 1)
        printf("%lu bytes\n", (unsigned long) n);
    MPI_Finalize();
    return 0;
}
