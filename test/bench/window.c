/*
 * window: the number of messages per second from rank 0 to rank 1 in windows of 64: Isend and
 * Irecv, then Waitall on both sides. After each window rank 1 answers with an empty message. The
 * best of five runs.
 *
 *   window [bytes of a message]      8 by default
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { window = 64 };

static double run(char *buffer, int bytes, int windows, int rank) {
    MPI_Request requests[window];
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int w = 0; w < windows; w++) {
        if (rank == 0) {
            for (int i = 0; i < window; i++)
                MPI_Isend(buffer + i * bytes, bytes, MPI_CHAR, 1, 0, MPI_COMM_WORLD, &requests[i]);
            MPI_Waitall(window, requests, MPI_STATUSES_IGNORE);
            MPI_Recv(NULL, 0, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else if (rank == 1) {
            for (int i = 0; i < window; i++)
                MPI_Irecv(buffer + i * bytes, bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD, &requests[i]);
            MPI_Waitall(window, requests, MPI_STATUSES_IGNORE);
            MPI_Send(NULL, 0, MPI_CHAR, 0, 1, MPI_COMM_WORLD);
        }
    }
    return (MPI_Wtime() - start) / ((double)windows * window);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size, bytes = argc > 1 ? atoi(argv[1]) : 8;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size < 2 || bytes < 0) {
        fprintf(stderr, "window: it takes two ranks\n");
        MPI_Finalize();
        return 1;
    }
    char *buffer = calloc(window, bytes > 0 ? bytes : 1);
    double t = run(buffer, bytes, 10, rank), least = 1e9;
    MPI_Bcast(&t, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    int windows = (int)(0.1 / (t * window)) + 10;
    for (int i = 0; i < 5; i++) {
        t = run(buffer, bytes, windows, rank);
        if (t < least)
            least = t;
    }
    if (rank == 0)
        printf("%9d bytes %12.0f messages/s\n", bytes, 1 / least);
    free(buffer);
    MPI_Finalize();
    return 0;
}
