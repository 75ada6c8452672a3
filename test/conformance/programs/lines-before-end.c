/* Lines that are written before a rank waits for ever, or aborts if there is an argument. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    int rank, x;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    printf("step 1 of %d\n", rank);
    printf("step 2 of %d\n", rank);
    printf("step 3 of %d\n", rank);
    if (argc > 1)
        abort();
    if (rank == 0)
        MPI_Recv(&x, 1, MPI_INT, 1, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
