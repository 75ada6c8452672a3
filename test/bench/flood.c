/*
 * flood: how many messages per second all ranks together send when each sends to every other:
 * windows of 64 messages to and from each of the others, Isend and Irecv, then Waitall. The best of
 * five runs.
 *
 *   flood [bytes of a message]      8 if not given
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { window = 64 };

static double run(char *out, char *in, int bytes, int windows, int rank, int size, MPI_Request *requests) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int w = 0; w < windows; w++) {
        int n = 0;
        for (int step = 1; step < size; step++)
            for (int i = 0; i < window; i++)
                MPI_Irecv(in + ((step - 1) * window + i) * bytes, bytes, MPI_CHAR, (rank + size - step) % size, 0,
                          MPI_COMM_WORLD, &requests[n++]);
        for (int step = 1; step < size; step++)
            for (int i = 0; i < window; i++)
                MPI_Isend(out, bytes, MPI_CHAR, (rank + step) % size, 0, MPI_COMM_WORLD, &requests[n++]);
        MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return (MPI_Wtime() - start) / ((double)windows * window * (size - 1) * size);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size, bytes = argc > 1 ? atoi(argv[1]) : 8;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size < 2 || bytes < 1) {
        fprintf(stderr, "flood: it takes two ranks\n");
        MPI_Finalize();
        return 1;
    }
    MPI_Request *requests = malloc(2 * window * (size - 1) * sizeof *requests);
    char *out = calloc(1, bytes), *in = calloc(window * (size - 1), bytes);
    double t = run(out, in, bytes, 2, rank, size, requests), least = 1e9;
    MPI_Bcast(&t, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    int windows = (int)(0.2 / (t * window * (size - 1) * size)) + 2;
    for (int i = 0; i < 5; i++) {
        t = run(out, in, bytes, windows, rank, size, requests);
        if (t < least)
            least = t;
    }
    if (rank == 0)
        printf("%9d bytes %12.0f messages/s\n", bytes, 1 / least);
    MPI_Finalize();
    return 0;
}
