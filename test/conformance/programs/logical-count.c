/* Logical operations on MPI_AINT, MPI_COUNT and MPI_OFFSET, which implementations take though
 * MPI 5.0, 6.9.2, has them for C integers and logicals only. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int rank;
    MPI_Aint a, ra = 9;
    MPI_Count c, rc = 9;
    MPI_Offset o, ro = 9;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    a = c = o = rank;
    MPI_Allreduce(&a, &ra, 1, MPI_AINT, MPI_LAND, MPI_COMM_WORLD);
    MPI_Allreduce(&c, &rc, 1, MPI_COUNT, MPI_LOR, MPI_COMM_WORLD);
    MPI_Allreduce(&o, &ro, 1, MPI_OFFSET, MPI_LXOR, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d %d %d\n", (int)ra, (int)rc, (int)ro);
    MPI_Finalize();
    return 0;
}
