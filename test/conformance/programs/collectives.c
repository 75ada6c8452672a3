/* Collective communication: every operation, blocking and not, with every root (MPI 5.0, chapter
   6). */
#include "check.h"

/* Whether to use the nonblocking calls, each followed by a wait. */
static int later;

static void wait(MPI_Request *r) { OK(MPI_Wait(r, MPI_STATUS_IGNORE)); }

/* CALL(Bcast, Ibcast, args) is MPI_Bcast(args) or MPI_Ibcast(args, &r) and a wait. */
#define CALL(name, iname, ...)                                                                                                          \
    do {                                                                                                                                \
        if (later) {                                                                                                                    \
            MPI_Request r_;                                                                                                             \
            OK(MPI_##iname(__VA_ARGS__, &r_));                                                                                          \
            wait(&r_);                                                                                                                  \
        } else {                                                                                                                        \
            OK(MPI_##name(__VA_ARGS__));                                                                                                \
        }                                                                                                                               \
    } while (0)

static const int lengths[] = {0, 1, 3, 100, 5000, 70000};
enum { longest = 70000, many_lengths = 6 };

static void rooted(void) {
    int *a = malloc(sizeof(int) * longest * 2), *b = malloc(sizeof(int) * longest * size);
    for (int k = 0; k < many_lengths; k++) {
        int n = lengths[k] > 5000 && size > 8 ? 5000 : lengths[k];
        for (int root = 0; root < size; root += size > 8 ? size - 1 : 1) {
            for (int i = 0; i < n; i++)
                a[i] = rank == root ? 7 * i + root : -1;
            CALL(Bcast, Ibcast, a, n, MPI_INT, root, MPI_COMM_WORLD);
            int same = 1;
            for (int i = 0; i < n; i++)
                same = same && a[i] == 7 * i + root;
            CHECK(same);

            for (int i = 0; i < n; i++)
                a[i] = rank + i;
            CALL(Gather, Igather, a, n, MPI_INT, b, n, MPI_INT, root, MPI_COMM_WORLD);
            same = 1;
            for (int i = 0; rank == root && i < n * size; i++)
                same = same && b[i] == i / n + i % n;
            CHECK(same);

            for (int i = 0; rank == root && i < n * size; i++)
                b[i] = 3 * i;
            CALL(Scatter, Iscatter, b, n, MPI_INT, a, n, MPI_INT, root, MPI_COMM_WORLD);
            same = 1;
            for (int i = 0; i < n; i++)
                same = same && a[i] == 3 * (rank * n + i);
            CHECK(same);

            for (int i = 0; i < n; i++)
                a[i] = rank + i;
            CALL(Reduce, Ireduce, a, b, n, MPI_INT, MPI_SUM, root, MPI_COMM_WORLD);
            same = 1;
            for (int i = 0; rank == root && i < n; i++)
                same = same && b[i] == size * (size - 1) / 2 + size * i;
            CHECK(same);
        }
    }
    free(a);
    free(b);
}

/* 6.2: with MPI_IN_PLACE the root's own part is already in its place. */
static void in_place(void) {
    int *b = malloc(sizeof(int) * size), v = rank + 1;
    for (int r = 0; r < size; r++)
        b[r] = r == rank ? rank + 1 : -1;
    if (rank == 0)
        CALL(Gather, Igather, MPI_IN_PLACE, 1, MPI_INT, b, 1, MPI_INT, 0, MPI_COMM_WORLD);
    else
        CALL(Gather, Igather, &v, 1, MPI_INT, NULL, 0, MPI_INT, 0, MPI_COMM_WORLD);
    for (int r = 0; rank == 0 && r < size; r++)
        CHECK(b[r] == r + 1);
    if (rank == 0)
        CALL(Scatter, Iscatter, b, 1, MPI_INT, MPI_IN_PLACE, 1, MPI_INT, 0, MPI_COMM_WORLD);
    else
        CALL(Scatter, Iscatter, NULL, 1, MPI_INT, &v, 1, MPI_INT, 0, MPI_COMM_WORLD);
    CHECK(v == rank + 1);
    for (int r = 0; r < size; r++)
        b[r] = r == rank ? 5 * rank : -1;
    CALL(Allgather, Iallgather, MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b, 1, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(b[r] == 5 * r);
    for (int r = 0; r < size; r++)
        b[r] = 100 * rank + r;
    CALL(Alltoall, Ialltoall, MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b, 1, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(b[r] == 100 * r + rank);
    v = rank;
    CALL(Allreduce, Iallreduce, MPI_IN_PLACE, &v, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(v == size * (size - 1) / 2);
    v = rank;
    if (rank == size - 1)
        CALL(Reduce, Ireduce, MPI_IN_PLACE, &v, 1, MPI_INT, MPI_MAX, size - 1, MPI_COMM_WORLD);
    else
        CALL(Reduce, Ireduce, &v, NULL, 1, MPI_INT, MPI_MAX, size - 1, MPI_COMM_WORLD);
    CHECK(v == rank);
    v = rank + 1;
    CALL(Scan, Iscan, MPI_IN_PLACE, &v, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(v == (rank + 1) * (rank + 2) / 2);
    for (int r = 0; r < size; r++)
        b[r] = r;
    CALL(Reduce_scatter_block, Ireduce_scatter_block, MPI_IN_PLACE, b, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(b[0] == size * rank);
    free(b);
}

/* Rank r has r + 1 elements, at displacements with gaps. */
static void varying(void) {
    int *counts = malloc(sizeof(int) * size * 5), *places = counts + size, *counts2 = places + size, *places2 = counts2 + size, *bytes = places2 + size;
    int room = size * (size + 3), *a = malloc(sizeof(int) * room), *b = malloc(sizeof(int) * room);
    MPI_Datatype *types = malloc(sizeof(MPI_Datatype) * size);
    for (int r = 0, at = 1; r < size; r++) {
        counts[r] = r + 1;
        places[r] = at;
        at += r + 2;
        types[r] = MPI_INT;
    }
    for (int root = 0; root < size; root += size > 8 ? size - 1 : 1) {
        for (int i = 0; i <= rank; i++)
            a[i] = 100 * rank + i;
        memset(b, 0xff, sizeof(int) * room);
        CALL(Gatherv, Igatherv, a, rank + 1, MPI_INT, b, counts, places, MPI_INT, root, MPI_COMM_WORLD);
        for (int r = 0; rank == root && r < size; r++)
            CHECK(b[places[r]] == 100 * r && b[places[r] + r] == 100 * r + r && b[places[r] + r + 1] == -1 && b[0] == -1);
        memset(a, 0xff, sizeof(int) * room);
        CALL(Scatterv, Iscatterv, b, counts, places, MPI_INT, a, rank + 1, MPI_INT, root, MPI_COMM_WORLD);
        CHECK(a[0] == 100 * rank && a[rank] == 100 * rank + rank && a[rank + 1] == -1);
    }
    memset(b, 0xff, sizeof(int) * room);
    CALL(Allgatherv, Iallgatherv, a, rank + 1, MPI_INT, b, counts, places, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(b[places[r]] == 100 * r && b[places[r] + r] == 100 * r + r && b[places[r] + r + 1] == -1);

    /* Rank r gets r + 1 elements from each, so this rank gets rank + 1 from all. */
    for (int r = 0; r < size; r++) {
        counts2[r] = rank + 1;
        places2[r] = r * (rank + 2);
        for (int i = 0; i <= r; i++)
            a[places[r] + i] = 10000 * rank + 100 * r + i;
    }
    memset(b, 0xff, sizeof(int) * room);
    CALL(Alltoallv, Ialltoallv, a, counts, places, MPI_INT, b, counts2, places2, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(b[places2[r]] == 10000 * r + 100 * rank && b[places2[r] + rank] == 10000 * r + 100 * rank + rank && b[places2[r] + rank + 1] == -1);
    for (int r = 0; r < size; r++) {
        bytes[r] = 4 * places[r]; /* those of Alltoallw are in bytes */
        places2[r] *= 4;
    }
    memset(b, 0xff, sizeof(int) * room);
    CALL(Alltoallw, Ialltoallw, a, counts, bytes, types, b, counts2, places2, types, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(b[places2[r] / 4] == 10000 * r + 100 * rank && b[places2[r] / 4 + rank] == 10000 * r + 100 * rank + rank);
    for (int i = 0; i < size * (size + 1) / 2; i++)
        a[i] = i + rank;
    CALL(Reduce_scatter, Ireduce_scatter, a, b, counts, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0; i <= rank; i++)
        CHECK(b[i] == size * (rank * (rank + 1) / 2 + i) + size * (size - 1) / 2);
    free(counts);
    free(types);
    free(a);
    free(b);
}

static void all(void) {
    int room = longest > 100 * size ? longest : 100 * size, *a = malloc(sizeof(int) * room), *b = malloc(sizeof(int) * room * (size > 8 ? 1 : size));
    for (int k = 0; k < many_lengths; k++) {
        int n = lengths[k], same = 1;
        for (int i = 0; i < n; i++)
            a[i] = rank + i;
        CALL(Allreduce, Iallreduce, a, b, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int i = 0; i < n; i++)
            same = same && b[i] == size * (size - 1) / 2 + size * i;
        CHECK(same);
        CALL(Scan, Iscan, a, b, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int i = 0; i < n; i++)
            same = same && b[i] == rank * (rank + 1) / 2 + (rank + 1) * i;
        CHECK(same);
        for (int i = 0; i < n; i++)
            b[i] = -9;
        CALL(Exscan, Iexscan, a, b, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int i = 0; i < n; i++)
            same = same && b[i] == (rank ? rank * (rank - 1) / 2 + rank * i : -9);
        CHECK(same);
        if (size > 8 && n > 100)
            continue;
        CALL(Allgather, Iallgather, a, n, MPI_INT, b, n, MPI_INT, MPI_COMM_WORLD);
        for (int i = 0; i < n * size; i++)
            same = same && b[i] == i / n + i % n;
        CHECK(same);
        n = n / size;
        for (int i = 0; i < n * size; i++)
            a[i] = 1000000 * rank + i;
        CALL(Alltoall, Ialltoall, a, n, MPI_INT, b, n, MPI_INT, MPI_COMM_WORLD);
        for (int i = 0; i < n * size; i++)
            same = same && b[i] == 1000000 * (i / n) + rank * n + i % n;
        CHECK(same);
        for (int i = 0; i < n * size; i++)
            a[i] = i;
        CALL(Reduce_scatter_block, Ireduce_scatter_block, a, b, n, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        for (int i = 0; i < n; i++)
            same = same && b[i] == size * (rank * n + i);
        CHECK(same);
    }
    if (later) {
        MPI_Request r;
        OK(MPI_Ibarrier(MPI_COMM_WORLD, &r));
        wait(&r);
    } else {
        OK(MPI_Barrier(MPI_COMM_WORLD));
    }
    free(a);
    free(b);
}

/* With derived types: every rank sends a column of a matrix, and receives a row. */
static void derived(void) {
    int *m = calloc((size_t)size * 4, sizeof(int)), *n = malloc(sizeof(int) * size * 4);
    MPI_Datatype column;
    OK(MPI_Type_vector(4, 1, size, MPI_INT, &column));
    OK(MPI_Type_create_resized(column, 0, sizeof(int), &column));
    OK(MPI_Type_commit(&column));
    int mine[4] = {rank, rank + 100, rank + 200, rank + 300};
    CALL(Allgather, Iallgather, mine, 4, MPI_INT, m, 1, column, MPI_COMM_WORLD);
    for (int i = 0; i < 4; i++)
        for (int r = 0; r < size; r++)
            CHECK(m[i * size + r] == r + 100 * i);
    /* all have the same matrix: this rank's column from each */
    CALL(Alltoall, Ialltoall, m, 1, column, n, 4, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK(n[4 * r] == rank && n[4 * r + 3] == rank + 300);
    CALL(Bcast, Ibcast, m + size - 1, 1, column, 0, MPI_COMM_WORLD);
    MPI_Type_free(&column);
    free(m);
    free(n);
}

/* 6.12: several at once, started in the same order on all ranks, completed in any order. */
static void at_once(void) {
    enum { n = 20 };
    int out[n], in[n], i;
    MPI_Request r[n];
    for (i = 0; i < n; i++) {
        out[i] = rank + i;
        in[i] = rank == 0 ? i : -1;
        if (i % 3 == 0)
            OK(MPI_Iallreduce(&out[i], &in[i], 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &r[i]));
        else if (i % 3 == 1)
            OK(MPI_Ibcast(&in[i], 1, MPI_INT, 0, MPI_COMM_WORLD, &r[i]));
        else
            OK(MPI_Ibarrier(MPI_COMM_WORLD, &r[i]));
    }
    int sum = -1; /* with a blocking one in between */
    OK(MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD));
    for (int left = n; left > 0; left--)
        OK(MPI_Waitany(n, r, &i, MPI_STATUS_IGNORE));
    CHECK(sum == size - 1);
    for (i = 0; i < n; i++)
        CHECK(i % 3 == 2 || in[i] == (i % 3 ? i : size * (size - 1) / 2 + size * i));
}

int main(int argc, char **argv) {
    begin(argc, argv);
    for (later = 0; later < 2; later++) {
        rooted();
        part(later ? "rooted, nonblocking" : "rooted");
        in_place();
        part(later ? "in place, nonblocking" : "in place");
        varying();
        part(later ? "varying counts, nonblocking" : "varying counts");
        all();
        part(later ? "all, nonblocking" : "all");
        derived();
        part(later ? "derived types, nonblocking" : "derived types");
    }
    at_once();
    part("several at once");
    return end();
}
