/*
 * nbody: bodies that attract each other. Each rank moves its share of them. Before each step all
 * ranks exchange the positions of their bodies.
 *
 *   nbody [bodies] [steps]        1000 bodies, 20 steps by default
 *   nbody bodies steps time       prints also how long it took
 *
 * The sums over bodies are in the same order for any number of ranks, so the energies are the same
 * to the last bit.
 */
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct body {
    double x, y, z;
};

static const double step = 1.0 / 1024, softening = 1.0 / 256;

/* A number from 0 to 1, the i-th of a fixed series (splitmix64). */
static double number(uint64_t i) {
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* The attraction of all bodies on the one at p; their total mass is 1. */
static struct body pull(const struct body *all, int n, struct body p) {
    struct body a = {0, 0, 0};
    double mass = 1.0 / n;
    for (int j = 0; j < n; j++) {
        double dx = all[j].x - p.x, dy = all[j].y - p.y, dz = all[j].z - p.z;
        double r2 = dx * dx + dy * dy + dz * dz + softening;
        double f = mass / (r2 * sqrt(r2));
        a.x += dx * f;
        a.y += dy * f;
        a.z += dz * f;
    }
    return a;
}

/* The energy of one body: its kinetic energy, and half of its potential energy with each other
   body. */
static double energy(const struct body *all, int n, int i, struct body v) {
    double mass = 1.0 / n, sum = 0;
    for (int j = 0; j < n; j++) {
        if (j == i)
            continue;
        double dx = all[j].x - all[i].x, dy = all[j].y - all[i].y, dz = all[j].z - all[i].z;
        sum += mass / sqrt(dx * dx + dy * dy + dz * dz + softening);
    }
    return mass * (v.x * v.x + v.y * v.y + v.z * v.z - sum) / 2;
}

/* The number of bodies of each rank. */
struct shares {
    int *counts, *starts;
};

/* Prints the total energy on rank 0, which adds up the bodies one by one. */
static void report(int at, const struct body *all, int n, const struct body *v, struct shares s, int rank) {
    double *mine = malloc(sizeof(double) * (s.counts[rank] + 1)), *each = malloc(sizeof(double) * n);
    for (int i = 0; i < s.counts[rank]; i++)
        mine[i] = energy(all, n, s.starts[rank] + i, v[i]);
    MPI_Gatherv(mine, s.counts[rank], MPI_DOUBLE, each, s.counts, s.starts, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += each[i];
        printf("step %4d: energy %.12f\n", at, sum);
    }
    free(each);
    free(mine);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int n = argc > 1 ? atoi(argv[1]) : 1000, steps = argc > 2 ? atoi(argv[2]) : 20;
    if (n < 1 || n > 10000000 || steps < 0) {
        if (rank == 0)
            fprintf(stderr, "nbody: from 1 to 10 million bodies, and no negative number of steps\n");
        MPI_Finalize();
        return 1;
    }

    MPI_Datatype body;
    MPI_Type_contiguous(3, MPI_DOUBLE, &body);
    MPI_Type_commit(&body);
    struct shares s = {malloc(sizeof(int) * size), malloc(sizeof(int) * size)};
    for (int r = 0; r < size; r++) {
        s.starts[r] = (int)((long long)n * r / size);
        s.counts[r] = (int)((long long)n * (r + 1) / size) - s.starts[r];
    }

    /* The bodies begin at random places in a cube, and turn about its axis. */
    int mine = s.counts[rank], start = s.starts[rank];
    struct body *all = malloc(sizeof(struct body) * n), *own = malloc(sizeof(struct body) * (mine + 1)), *v = malloc(sizeof(struct body) * (mine + 1));
    for (int i = 0; i < mine; i++) {
        uint64_t k = 3 * (uint64_t)(start + i);
        own[i] = (struct body){number(k) - 0.5, number(k + 1) - 0.5, number(k + 2) - 0.5};
        v[i] = (struct body){own[i].y, -own[i].x, 0};
    }

    double begun = MPI_Wtime();
    for (int t = 0; t <= steps; t++) {
        MPI_Allgatherv(own, mine, body, all, s.counts, s.starts, body, MPI_COMM_WORLD);
        if (t % (steps / 4 > 0 ? steps / 4 : 1) == 0)
            report(t, all, n, v, s, rank);
        for (int i = 0; i < mine && t < steps; i++) {
            struct body a = pull(all, n, own[i]);
            v[i].x += step * a.x;
            v[i].y += step * a.y;
            v[i].z += step * a.z;
            own[i].x += step * v[i].x;
            own[i].y += step * v[i].y;
            own[i].z += step * v[i].z;
        }
    }
    if (rank == 0 && argc > 3)
        printf("%.3f seconds\n", MPI_Wtime() - begun);

    MPI_Type_free(&body);
    free(v);
    free(own);
    free(all);
    free(s.counts);
    free(s.starts);
    MPI_Finalize();
    return 0;
}
