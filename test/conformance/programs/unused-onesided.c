/* A library's helper uses one-sided communication; this program never calls it. With MPI libraries
 * the linker leaves it out. Expected output (n=2): "sum 1". */
#include <mpi.h>
#include <stdio.h>

static int expose(void *base, MPI_Aint bytes, MPI_Comm comm, MPI_Win *win) {
    return MPI_Win_create(base, bytes, 1, MPI_INFO_NULL, comm, win);
}

int main(int argc, char **argv) {
    int rank, sum;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
        printf("sum %d\n", sum);
    MPI_Finalize();
    return 0;
}
