/* Names that MPI 3.0 removed and old programs have. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int lengths[2] = {1, 1};
    MPI_Aint at[2] = {0, 16}, lb, ub, extent;
    MPI_Datatype parts[2] = {MPI_INT, MPI_UB}, t;
    MPI_Init(&argc, &argv);
    MPI_Type_struct(2, lengths, at, parts, &t);
    MPI_Type_commit(&t);
    MPI_Type_extent(t, &extent);
    MPI_Type_ub(t, &ub);
    MPI_Type_lb(t, &lb);
    printf("extent %d, ub %d, lb %d\n", (int)extent, (int)ub, (int)lb);
    MPI_Finalize();
    return 0;
}
