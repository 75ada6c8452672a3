/*
 * sort: sorts many numbers that are distributed over the ranks (sample sort). Each rank sorts its
 * own and sends samples of them. All samples together determine where to cut, so that the parts
 * have about the same size. Then every rank receives its part from all others at once.
 *
 *   sort [numbers]        1 million in all by default
 *   sort numbers time     prints also how long it took
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The i-th number, the same for any number of ranks (splitmix64). */
static int64_t number(uint64_t i) {
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (int64_t)((z ^ (z >> 31)) % 1000000000);
}

/* Quicksort, with insertion sort for short parts. */
static void sort(int64_t *a, int n) {
    while (n > 24) {
        int64_t x = a[0], y = a[n / 2], z = a[n - 1];
        int64_t pivot = x < y ? (y < z ? y : x < z ? z : x) : (x < z ? x : y < z ? z : y);
        int i = 0, j = n - 1;
        for (;;) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i >= j)
                break;
            int64_t t = a[i];
            a[i++] = a[j];
            a[j--] = t;
        }
        int left = j + 1;
        /* recursion for the shorter part and a loop for the longer one keep the stack small */
        if (left < n - left) {
            sort(a, left);
            a += left;
            n -= left;
        } else {
            sort(a + left, n - left);
            n = left;
        }
    }
    for (int i = 1; i < n; i++) {
        int64_t x = a[i];
        int j = i;
        for (; j > 0 && a[j - 1] > x; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

/* Chooses the first number of each part but the first, from samples of the sorted numbers. All
   ranks choose the same. */
static void choose(const int64_t *mine, int n, int64_t *cuts, int size) {
    enum { samples = 64 };
    int64_t sample[samples], *all = malloc(sizeof(int64_t) * samples * size);
    for (int i = 0; i < samples; i++)
        sample[i] = n > 0 ? mine[(long long)n * i / samples] : INT64_MAX;
    MPI_Allgather(sample, samples, MPI_INT64_T, all, samples, MPI_INT64_T, MPI_COMM_WORLD);
    sort(all, samples * size);
    for (int r = 1; r < size; r++)
        cuts[r - 1] = all[samples * r];
    free(all);
}

/* Sends every rank its part of the sorted numbers. Returns what this rank received, and how
   many. */
static int64_t *swap(const int64_t *mine, int n, const int64_t *cuts, int size, int *came) {
    int *counts = malloc(sizeof(int) * size * 4), *starts = counts + size, *incoming = starts + size, *places = incoming + size;
    for (int r = 0, i = 0; r < size; r++) {
        starts[r] = i;
        while (i < n && (r == size - 1 || mine[i] < cuts[r]))
            i++;
        counts[r] = i - starts[r];
    }
    MPI_Alltoall(counts, 1, MPI_INT, incoming, 1, MPI_INT, MPI_COMM_WORLD);
    *came = 0;
    for (int r = 0; r < size; r++) {
        places[r] = *came;
        *came += incoming[r];
    }
    int64_t *all = malloc(sizeof(int64_t) * (*came + 1));
    MPI_Alltoallv(mine, counts, starts, MPI_INT64_T, all, incoming, places, MPI_INT64_T, MPI_COMM_WORLD);
    free(counts);
    return all;
}

/* Checks that the numbers of all ranks are in order, and that their number and sum are as
   before. */
static int verify(const int64_t *a, int n, long long total, int64_t sum, int rank, int size) {
    int64_t before = INT64_MIN, last;
    int ok = 1, all_ok;
    for (int i = 1; i < n; i++)
        ok = ok && a[i - 1] <= a[i];
    /* The largest number of the ranks before this one; a rank may have none. */
    last = n > 0 ? a[n - 1] : INT64_MIN;
    MPI_Exscan(&last, &before, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
    if (rank > 0 && n > 0)
        ok = ok && before <= a[0];
    int64_t mine[2] = {n, 0}, all[2];
    for (int i = 0; i < n; i++)
        mine[1] += a[i];
    MPI_Allreduce(mine, all, 2, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    ok = ok && all[0] == total && all[1] == sum;
    MPI_Allreduce(&ok, &all_ok, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
    (void)size;
    return all_ok;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    long long total = argc > 1 ? atoll(argv[1]) : 1000000;
    if (total < 1 || total / size > 100000000) {
        if (rank == 0)
            fprintf(stderr, "sort: from 1 to 100 million numbers for each rank\n");
        MPI_Finalize();
        return 1;
    }

    long long first = total * rank / size;
    int n = (int)(total * (rank + 1) / size - first), came;
    int64_t *mine = malloc(sizeof(int64_t) * (n + 1)), sum = 0, all_sum;
    for (int i = 0; i < n; i++)
        sum += mine[i] = number((uint64_t)(first + i));
    MPI_Allreduce(&sum, &all_sum, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);

    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    int64_t *cuts = malloc(sizeof(int64_t) * size);
    sort(mine, n);
    choose(mine, n, cuts, size);
    int64_t *sorted = swap(mine, n, cuts, size, &came);
    sort(sorted, came);
    MPI_Barrier(MPI_COMM_WORLD);
    double seconds = MPI_Wtime() - start;

    int ok = verify(sorted, came, total, all_sum, rank, size);
    int64_t least = came > 0 ? sorted[0] : INT64_MAX, most = came > 0 ? sorted[came - 1] : INT64_MIN, ends[2];
    MPI_Reduce(&least, &ends[0], 1, MPI_INT64_T, MPI_MIN, 0, MPI_COMM_WORLD);
    MPI_Reduce(&most, &ends[1], 1, MPI_INT64_T, MPI_MAX, 0, MPI_COMM_WORLD);
    int largest;
    MPI_Reduce(&came, &largest, 1, MPI_INT, MPI_MAX, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        printf("%lld numbers from %lld to %lld on %d ranks: %s\n", total, (long long)ends[0], (long long)ends[1], size, ok ? "in order" : "NOT IN ORDER");
        printf("the largest piece is %.2f times the mean\n", (double)largest * size / total);
        if (argc > 2)
            printf("%.3f seconds\n", seconds);
    }

    free(sorted);
    free(cuts);
    free(mine);
    MPI_Finalize();
    return ok ? 0 : 1;
}
