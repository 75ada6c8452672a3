/* Breadth-first search from the root of a graph whose vertices the ranks share in turns. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

static int64_t neighbor(int64_t v, int k, int64_t vertices) {
    return (v * 2862933555777941757 + k * 3037000493) % vertices < 0 ? (v + k + 1) % vertices : (v * 5 + k * 7 + 1) % vertices;
}

int64_t search(int64_t root, int64_t *parents) {
    int rank, size;
    int64_t found = 0, total;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int64_t vertices = (int64_t)LOCAL * size;
    int *counts = calloc(size, sizeof *counts), *starts = calloc(size + 1, sizeof *starts);
    int *got = calloc(size, sizeof *got), *at = calloc(size + 1, sizeof *at);
    int64_t *queue = malloc(LOCAL * sizeof *queue), (*out)[2] = malloc(LOCAL * DEGREE * sizeof *out);
    int n = 0;
    for (int i = 0; i < LOCAL; i++)
        parents[i] = -1;
    if (root % size == rank)
        queue[n++] = parents[root / size] = root;
    for (;;) {
        memset(counts, 0, size * sizeof *counts);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < DEGREE; k++)
                counts[neighbor(queue[i], k, vertices) % size] += 2;
        for (int r = 0; r < size; r++)
            starts[r + 1] = starts[r] + counts[r], counts[r] = 0;
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < DEGREE; k++) {
                int64_t w = neighbor(queue[i], k, vertices);
                int r = w % size, j = (starts[r] + counts[r]) / 2;
                out[j][0] = w, out[j][1] = queue[i];
                counts[r] += 2;
            }
        }
        MPI_Alltoall(counts, 1, MPI_INT, got, 1, MPI_INT, MPI_COMM_WORLD);
        for (int r = 0; r < size; r++)
            at[r + 1] = at[r] + got[r];
        int64_t(*in)[2] = malloc((at[size] + 2) * sizeof **in);
        MPI_Alltoallv(out, counts, starts, MPI_INT64_T, in, got, at, MPI_INT64_T, MPI_COMM_WORLD);
        n = 0;
        for (int j = 0; j < at[size] / 2; j++) {
            int64_t *parent = &parents[in[j][0] / size];
            if (*parent < 0)
                *parent = in[j][1], queue[n++] = in[j][0];
        }
        free(in);
        int64_t mine = n;
        MPI_Allreduce(&mine, &total, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
        if (total == 0)
            break;
    }
    for (int i = 0; i < LOCAL; i++)
        found += parents[i] >= 0;
    MPI_Allreduce(&found, &total, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    free(counts), free(starts), free(got), free(at), free(queue), free(out);
    return total;
}
