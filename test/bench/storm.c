/*
 * storm: barriers, one after the other, with a little uneven work in between, and a check that no
 * rank gets ahead.
 *
 *   storm [barriers] [time]     1000 by default
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size, n = argc > 1 ? atoi(argv[1]) : 1000, bad = 0, all;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    double start = MPI_Wtime();
    for (int i = 0; i < n; i++) {
        volatile double x = 1;
        for (int k = 0; k < (rank * 7 + i) % 13 * 50; k++)
            x = x * 1.0000001;
        MPI_Barrier(MPI_COMM_WORLD);
        if (i % 100 == 99) { /* all are in the same round */
            int least, most;
            MPI_Allreduce(&i, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
            MPI_Allreduce(&i, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
            bad += least != most;
        }
    }
    double seconds = MPI_Wtime() - start;
    MPI_Allreduce(&bad, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0) {
        printf("%d barriers of %d ranks: %s\n", n, size, all ? "OUT OF STEP" : "in step");
        if (argc > 2)
            printf("%.2f microseconds each\n", seconds / n * 1e6);
    }
    MPI_Finalize();
    return all ? 1 : 0;
}
