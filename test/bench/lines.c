/* Every rank writes 125,000 lines of some 70 bytes. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < 125000; i++)
        printf("rank %d, line %06d: a text that makes the line some seventy bytes long\n", rank, i);
    MPI_Finalize();
    return 0;
}
