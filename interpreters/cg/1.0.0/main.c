/*
 * cg: an eigenvalue of a large sparse symmetric matrix, by inverse iteration: each round solves a
 * linear system with the conjugate gradient method, as the kernel CG of the NAS benchmarks does.
 *
 *   cg [rows] [rounds]        20000 rows, 8 rounds by default
 *   cg rows rounds time       prints also how long it took
 *
 * Each rank has some of the rows. To multiply, it needs the whole vector: MPI_Allgatherv. The
 * scalar products are sums over all ranks: MPI_Allreduce.
 */
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { offsets = 6, inner = 25 };

/* The rows of this rank, compressed: row i has the elements from rows[i] up to rows[i + 1]. */
struct matrix {
    int n, first, count, *rows, *columns, *counts, *starts;
    double *values, *whole; /* whole is the vector to multiply by */
};

/* A number from 0 to 1 (splitmix64). */
static double number(uint64_t i) {
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* The element in row i and column j, off the diagonal. The matrix is symmetric. */
static double element(int n, int i, int j) {
    uint64_t low = i < j ? i : j, high = i < j ? j : i;
    double u = number(low * n + high);
    return -u * u * u;
}

/*
 * Row i has elements at a few distances from i in both directions, modulo the size. Its diagonal is
 * a little more than their sum, so the matrix is positive definite.
 */
static void make(struct matrix *m, int n, int rank, int size) {
    int far[offsets] = {1, 2, 17, n / 7 + 1, n / 3 + 2, n / 2 - 3};
    m->n = n;
    m->counts = malloc(sizeof(int) * size * 2);
    m->starts = m->counts + size;
    for (int r = 0; r < size; r++) {
        m->starts[r] = (int)((long long)n * r / size);
        m->counts[r] = (int)((long long)n * (r + 1) / size) - m->starts[r];
    }
    m->first = m->starts[rank];
    m->count = m->counts[rank];
    m->rows = malloc(sizeof(int) * (m->count + 1));
    m->columns = malloc(sizeof(int) * (m->count * (2 * offsets + 1) + 1));
    m->values = malloc(sizeof(double) * (m->count * (2 * offsets + 1) + 1));
    m->whole = malloc(sizeof(double) * n);
    int k = 0;
    for (int r = 0; r < m->count; r++) {
        int i = m->first + r, diagonal = k++;
        double sum = 0;
        m->rows[r] = diagonal;
        for (int o = 0; o < 2 * offsets; o++) {
            int j = (i + (o % 2 ? n - far[o / 2] : far[o / 2])) % n;
            m->columns[k] = j;
            sum -= m->values[k++] = element(n, i, j);
        }
        m->columns[diagonal] = i;
        m->values[diagonal] = sum + 0.01 + number(i) / 10;
    }
    m->rows[m->count] = k;
}

/* y = A x, of which every rank has its part. */
static void multiply(struct matrix *m, const double *x, double *y) {
    MPI_Allgatherv(x, m->count, MPI_DOUBLE, m->whole, m->counts, m->starts, MPI_DOUBLE, MPI_COMM_WORLD);
    const double *values = m->values, *whole = m->whole;
    const int *rows = m->rows, *columns = m->columns;
    for (int r = 0; r < m->count; r++) {
        double sum = 0;
        for (int k = rows[r], end = rows[r + 1]; k < end; k++)
            sum += values[k] * whole[columns[k]];
        y[r] = sum;
    }
}

static double product(const double *x, const double *y, int n) {
    double sum = 0, all;
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    return all;
}

/* Solves A z = x approximately, in a few steps. work has room for three vectors. Returns the length
   of x - A z. */
static double solve(struct matrix *m, const double *x, double *z, double *work) {
    int n = m->count;
    double *r = work, *p = r + n, *q = p + n;
    for (int i = 0; i < n; i++) {
        z[i] = 0;
        r[i] = p[i] = x[i];
    }
    double rho = product(r, r, n);
    for (int k = 0; k < inner; k++) {
        multiply(m, p, q);
        double alpha = rho / product(p, q, n), before = rho;
        for (int i = 0; i < n; i++) {
            z[i] += alpha * p[i];
            r[i] -= alpha * q[i];
        }
        rho = product(r, r, n);
        double beta = rho / before;
        for (int i = 0; i < n; i++)
            p[i] = r[i] + beta * p[i];
    }
    multiply(m, z, q);
    for (int i = 0; i < n; i++)
        r[i] = x[i] - q[i];
    return sqrt(product(r, r, n));
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int n = argc > 1 ? atoi(argv[1]) : 20000, rounds = argc > 2 ? atoi(argv[2]) : 8;
    if (n < 100 || n > 50000000 || rounds < 0) {
        if (rank == 0)
            fprintf(stderr, "cg: from 100 to 50 million rows, and no negative number of rounds\n");
        MPI_Finalize();
        return 1;
    }

    struct matrix m;
    make(&m, n, rank, size);
    double *x = malloc(sizeof(double) * (m.count + 1) * 5), *z = x + m.count, *work = z + m.count;
    for (int i = 0; i < m.count; i++)
        x[i] = 1;
    if (rank == 0)
        printf("%d rows with %d elements each on %d ranks\n", n, 2 * offsets + 1, size);

    double begun = MPI_Wtime();
    for (int k = 1; k <= rounds; k++) {
        double residual = solve(&m, x, z, work);
        double zeta = 1 / product(x, z, m.count) * product(x, x, m.count), scale = 1 / sqrt(product(z, z, m.count));
        for (int i = 0; i < m.count; i++)
            x[i] = scale * z[i];
        if (rank == 0)
            printf("round %2d: residual %.2e, eigenvalue %.9f\n", k, residual, zeta);
    }
    if (rank == 0 && argc > 3)
        printf("%.3f seconds\n", MPI_Wtime() - begun);

    free(x);
    free(m.rows);
    free(m.columns);
    free(m.values);
    free(m.whole);
    free(m.counts);
    MPI_Finalize();
    return 0;
}
