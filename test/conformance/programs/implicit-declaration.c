/* K&R style: twice() is called before it is declared, and is defined with the type that the call
 * implies. mpicc (gcc 12) warns. Expected output (n=1): "42". */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    printf("%d\n", twice(21));
    MPI_Finalize();
    return 0;
}

int twice(int x) { return 2 * x; }
