/*
 * The bits of results: what collectives give, as a hash of all its bytes on all ranks, for messages
 * of many lengths. Sums and products of floating-point numbers depend on the order of the operands,
 * so this tells whether that order has changed.
 */
#include "check.h"

#include <complex.h>

enum { longest = 40001 };

typedef unsigned long long hash;

/* FNV-1a, but four bytes at a time. n is divisible by four. */
static hash add(hash h, const void *data, size_t n) {
    const uint32_t *p = data;
    for (size_t i = 0; i < n / 4; i++)
        h = (h ^ p[i]) * 1099511628211ull;
    return h ^ h >> 29;
}

static const hash empty = 14695981039346656037ull;

/* say prints one hash of those of all ranks. */
static void say(const char *what, const char *type, hash mine) {
    hash *all = malloc((size_t)size * sizeof *all);
    MPI_Gather(&mine, 1, MPI_UNSIGNED_LONG_LONG, all, 1, MPI_UNSIGNED_LONG_LONG, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%s %s %016llx\n", what, type, add(empty, all, (size_t)size * sizeof *all));
    free(all);
}

/* Numbers near 1, other ones on each rank, so that products neither vanish nor overflow. */
static double number(int i) {
    unsigned x = (unsigned)i * 2654435761u ^ (unsigned)rank * 40503u ^ 0x9e3779b9u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    return 0.75 + x / 8589934592.0;
}

static void fill(void *data, MPI_Datatype type, int n) {
    for (int i = 0; i < n; i++) {
        double v = i % 7 ? number(i) : -1e3 * number(i);
        if (type == MPI_DOUBLE)
            ((double *)data)[i] = v;
        else if (type == MPI_FLOAT)
            ((float *)data)[i] = (float)v;
        else if (type == MPI_C_DOUBLE_COMPLEX)
            ((double complex *)data)[i] = v + number(i + 1) * I;
        else
            ((int *)data)[i] = (int)(v * 1000);
    }
}

static void reductions(const char *name, MPI_Datatype type, int width) {
    /* The longest goes in several packets. */
    static const int lengths[] = {1, 7, 1000, longest};
    static const char *const functions[] = {"reduce", "allreduce", "scan", "exscan", "reduce_scatter_block", "iallreduce"};
    size_t most = (size_t)longest * (size_t)width;
    char *in = malloc(most), *out = malloc(most);
    fill(in, type, longest);
    for (int f = 0; f < 6; f++) {
        hash h = empty;
        for (int l = 0; l < 4; l++)
            for (int op = 0; op < 2; op++) {
                MPI_Op o = op ? MPI_PROD : MPI_SUM;
                MPI_Request req;
                int n = lengths[l], got = n, block = n / size;
                memset(out, 0, (size_t)n * (size_t)width);
                switch (f) {
                case 0:
                    MPI_Reduce(in, out, n, type, o, size / 2, MPI_COMM_WORLD);
                    got = rank == size / 2 ? n : 0;
                    break;
                case 1:
                    MPI_Allreduce(in, out, n, type, o, MPI_COMM_WORLD);
                    break;
                case 2:
                    MPI_Scan(in, out, n, type, o, MPI_COMM_WORLD);
                    break;
                case 3:
                    MPI_Exscan(in, out, n, type, o, MPI_COMM_WORLD);
                    got = rank ? n : 0;
                    break;
                case 4:
                    MPI_Reduce_scatter_block(in, out, block, type, o, MPI_COMM_WORLD);
                    got = block;
                    break;
                default:
                    MPI_Iallreduce(in, out, n, type, o, MPI_COMM_WORLD, &req);
                    MPI_Wait(&req, MPI_STATUS_IGNORE);
                }
                h = add(h, out, (size_t)got * (size_t)width);
            }
        say(functions[f], name, h);
    }
    free(in);
    free(out);
}

static void movements(void) {
    static const int lengths[] = {0, 1, 100, 20000};
    int *in = malloc((size_t)size * 20000 * sizeof *in), *out = malloc((size_t)size * 20000 * sizeof *out);
    fill(in, MPI_INT, size * 20000);
    for (int f = 0; f < 5; f++) {
        static const char *const functions[] = {"bcast", "gather", "scatter", "allgather", "alltoall"};
        hash h = empty;
        for (int l = 0; l < 4; l++) {
            int n = lengths[l], got = n * size, root = size - 1;
            memset(out, 0, (size_t)got * sizeof *out);
            switch (f) {
            case 0:
                memcpy(out, in, (size_t)got * sizeof *out);
                MPI_Bcast(out, got, MPI_INT, root, MPI_COMM_WORLD);
                break;
            case 1:
                MPI_Gather(in, n, MPI_INT, out, n, MPI_INT, root, MPI_COMM_WORLD);
                break;
            case 2:
                MPI_Scatter(in, n, MPI_INT, out, n, MPI_INT, root, MPI_COMM_WORLD);
                break;
            case 3:
                MPI_Allgather(in, n, MPI_INT, out, n, MPI_INT, MPI_COMM_WORLD);
                break;
            default:
                MPI_Alltoall(in, n, MPI_INT, out, n, MPI_INT, MPI_COMM_WORLD);
            }
            h = add(h, out, (size_t)got * sizeof *out);
        }
        say(functions[f], "int", h);
    }
    free(in);
    free(out);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    reductions("double", MPI_DOUBLE, sizeof(double));
    reductions("float", MPI_FLOAT, sizeof(float));
    reductions("complex", MPI_C_DOUBLE_COMPLEX, sizeof(double complex));
    reductions("int", MPI_INT, sizeof(int));
    movements();
    return end();
}
