/*
 * ring: a token goes around all ranks. Each adds its own number to it and sends it to the next; the
 * last sends it to rank 0.
 *
 *   ring [laps]        3 laps by default
 *   ring laps time     prints also how long a lap took
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);

    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int laps = argc > 1 ? atoi(argv[1]) : 3;

    int next = (rank + 1) % size;
    int previous = (rank + size - 1) % size;
    long long token = 0;
    double start = MPI_Wtime();

    for (int lap = 1; lap <= laps; lap++) {
        if (size == 1) {
            /* Alone: a message to oneself needs a receive that is already posted. */
            MPI_Sendrecv_replace(&token, 1, MPI_LONG_LONG, next, lap, previous, lap, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else if (rank == 0) {
            MPI_Send(&token, 1, MPI_LONG_LONG, next, lap, MPI_COMM_WORLD);
            MPI_Recv(&token, 1, MPI_LONG_LONG, previous, lap, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else {
            MPI_Recv(&token, 1, MPI_LONG_LONG, previous, lap, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            token += rank;
            MPI_Send(&token, 1, MPI_LONG_LONG, next, lap, MPI_COMM_WORLD);
        }
        if (rank == 0)
            printf("lap %d of %d: the token came round %d ranks and carries %lld\n", lap, laps, size, token);
    }

    if (rank == 0 && argc > 2 && laps > 0)
        printf("%.1f microseconds for a lap\n", (MPI_Wtime() - start) / laps * 1e6);

    MPI_Finalize();
    return 0;
}
