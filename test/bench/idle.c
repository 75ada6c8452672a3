/*
 * idle: ranks that do nothing, to measure the cost of one. Rank 0 prints a line when all have
 * started.
 *
 *   idle [seconds]      1 by default
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size;
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        printf("%d ranks are idle\n", size);
        fflush(stdout);
        usleep((useconds_t)(seconds * 1e6));
    }
    MPI_Barrier(MPI_COMM_WORLD); /* the others wait here */
    MPI_Finalize();
    return 0;
}
