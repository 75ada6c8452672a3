/*
 * pingpong: the time of a message from rank 0 to rank 1 and back, by size. Each line has bytes,
 * microseconds for a round trip, and megabytes per second in one direction.
 *
 *   pingpong [largest size in bytes]      4 MiB by default
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double trips(char *buffer, int bytes, int n, int rank) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int i = 0; i < n; i++) {
        if (rank == 0) {
            MPI_Send(buffer, bytes, MPI_CHAR, 1, 0, MPI_COMM_WORLD);
            MPI_Recv(buffer, bytes, MPI_CHAR, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else if (rank == 1) {
            MPI_Recv(buffer, bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(buffer, bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
        }
    }
    return (MPI_Wtime() - start) / n;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size, most = argc > 1 ? atoi(argv[1]) : 4 << 20;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size < 2) {
        fprintf(stderr, "pingpong: it takes two ranks\n");
        MPI_Finalize();
        return 1;
    }
    char *buffer = malloc(most > 0 ? most : 1);
    memset(buffer, 1, most > 0 ? most : 1);
    for (int bytes = 8; bytes <= most; bytes = bytes < most && bytes > most / 8 ? most : bytes * 8) {
        double least = 1e9;
        int n = 10;
        /* As many rounds as take a twentieth of a second, estimated from ten; the best of five
           runs. */
        double t = trips(buffer, bytes, n, rank);
        MPI_Bcast(&t, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
        n = (int)(0.05 / t) + 10;
        if (n > 100000)
            n = 100000;
        for (int run = 0; run < 5; run++) {
            t = trips(buffer, bytes, n, rank);
            if (t < least)
                least = t;
        }
        if (rank == 0) {
            printf("%9d bytes %12.2f us %12.1f MB/s\n", bytes, least * 1e6, 2 * bytes / least / 1e6);
            fflush(stdout);
        }
    }
    free(buffer);
    MPI_Finalize();
    return 0;
}
