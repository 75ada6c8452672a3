/*
 * collective: the time of collective operations by size. Each line has the operation, the bytes of
 * each rank, and microseconds.
 *
 *   collective [operation] [largest size in bytes]
 *                       barrier, bcast, allreduce, allgather and alltoall, up to 1 MiB by default
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, size;
static char *in, *out;

static void barrier(int bytes) {
    (void)bytes;
    MPI_Barrier(MPI_COMM_WORLD);
}
static void bcast(int bytes) { MPI_Bcast(in, bytes, MPI_CHAR, 0, MPI_COMM_WORLD); }
static void allreduce(int bytes) { MPI_Allreduce(in, out, bytes / 8, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD); }
static void allgather(int bytes) { MPI_Allgather(in, bytes, MPI_CHAR, out, bytes, MPI_CHAR, MPI_COMM_WORLD); }
static void alltoall(int bytes) { MPI_Alltoall(in, bytes, MPI_CHAR, out, bytes, MPI_CHAR, MPI_COMM_WORLD); }

static const struct {
    const char *name;
    void (*run)(int bytes);
} operations[] = {{"barrier", barrier}, {"bcast", bcast}, {"allreduce", allreduce}, {"allgather", allgather}, {"alltoall", alltoall}};

static double repeat(void (*run)(int), int bytes, int n) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime(), mine, longest;
    for (int i = 0; i < n; i++)
        run(bytes);
    mine = (MPI_Wtime() - start) / n;
    MPI_Allreduce(&mine, &longest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return longest;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    const char *only = argc > 1 ? argv[1] : "all";
    int most = argc > 2 ? atoi(argv[2]) : 1 << 20;
    in = calloc(size, most + 8);
    out = calloc(size, most + 8);
    for (unsigned k = 0; k < sizeof operations / sizeof *operations; k++) {
        if (strcmp(only, "all") != 0 && strcmp(only, operations[k].name) != 0)
            continue;
        for (int bytes = 8; bytes <= most; bytes *= 16) {
            double least = 1e9, t = repeat(operations[k].run, bytes, 5);
            int n = (int)(0.03 / t) + 5;
            if (n > 20000)
                n = 20000;
            for (int run = 0; run < 5; run++) {
                t = repeat(operations[k].run, bytes, n);
                if (t < least)
                    least = t;
            }
            if (rank == 0) {
                printf("%-10s %9d bytes %12.2f us\n", operations[k].name, operations[k].run == barrier ? 0 : bytes, least * 1e6);
                fflush(stdout);
            }
            if (operations[k].run == barrier)
                break;
        }
    }
    free(in);
    free(out);
    MPI_Finalize();
    return 0;
}
