/* All processes call MPI_Comm_create_group, those outside of the group too: they get
 * MPI_COMM_NULL. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int even[2] = {0, 2}, rank, in, total;
    MPI_Group world, some;
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_incl(world, 2, even, &some);
    MPI_Comm_create_group(MPI_COMM_WORLD, some, 3, &comm);
    in = comm != MPI_COMM_NULL;
    MPI_Reduce(&in, &total, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("inside %d, outside %d\n", total, 4 - total);
    if (in)
        MPI_Comm_free(&comm);
    MPI_Group_free(&some);
    MPI_Group_free(&world);
    MPI_Finalize();
    return 0;
}
