/*
 * heat: the flow of heat in a square plate whose upper edge is hot and whose other edges are cold,
 * with a hot ring in it. In each step every point becomes the mean of its four neighbours (Jacobi's
 * method).
 *
 *   heat [points] [steps] [picture]      256 points along each edge, 500 steps, heat.png by default
 *
 * The plate is divided into blocks, one for each rank of a grid of ranks. Before a step every rank
 * exchanges the edges of its block with its neighbours: rows directly, columns with a datatype that
 * has a stride. The received edges go into the halo, a border of one point around the block.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "picture.h"

/* Part i of n points in parts: where it begins, and its size. */
static int begin(int n, int parts, int i) { return (int)((long long)n * i / parts); }
static int size(int n, int parts, int i) { return begin(n, parts, i + 1) - begin(n, parts, i); }

/* The plate at the beginning. Points are numbered from 0; -1 and n are the edges, which never
   change. */
static double warmth(int n, int row, int column) {
    if (row < 0)
        return 1;
    if (row == n || column < 0 || column == n)
        return 0;
    double y = (row + 0.5) / n - 0.6, x = (column + 0.5) / n - 0.5, r2 = x * x + y * y;
    return r2 > 0.03 && r2 < 0.06 ? 1 : 0;
}

/* A block of rows x columns points with its halo: point (i, j) is at (i + 1) * (columns + 2) + j +
   1. */
struct block {
    int rows, columns;
    double *now, *next;
};

static void step(struct block *b, double *change) {
    int stride = b->columns + 2;
    double most = 0;
    for (int i = 1; i <= b->rows; i++) {
        for (int j = 1; j <= b->columns; j++) {
            const double *p = b->now + i * stride + j;
            double mean = (p[-stride] + p[stride] + p[-1] + p[1]) / 4, d = mean - *p;
            b->next[i * stride + j] = mean;
            if (d < 0)
                d = -d;
            if (d > most)
                most = d;
        }
    }
    double *t = b->now;
    b->now = b->next;
    b->next = t;
    *change = most;
}

/* Exchanges each edge of the block with the neighbour there, whose edge goes into the halo. */
static void exchange(struct block *b, MPI_Datatype row, MPI_Datatype column, MPI_Comm grid) {
    int up, down, left, right, stride = b->columns + 2;
    double *p = b->now;
    MPI_Cart_shift(grid, 0, 1, &up, &down); /* MPI_PROC_NULL beyond the edge of the plate */
    MPI_Cart_shift(grid, 1, 1, &left, &right);
    MPI_Request r[8];
    MPI_Irecv(p + 1, 1, row, up, 0, grid, &r[0]);
    MPI_Irecv(p + (b->rows + 1) * stride + 1, 1, row, down, 1, grid, &r[1]);
    MPI_Irecv(p + stride, 1, column, left, 2, grid, &r[2]);
    MPI_Irecv(p + stride + b->columns + 1, 1, column, right, 3, grid, &r[3]);
    MPI_Isend(p + stride + 1, 1, row, up, 1, grid, &r[4]);
    MPI_Isend(p + b->rows * stride + 1, 1, row, down, 0, grid, &r[5]);
    MPI_Isend(p + stride + 1, 1, column, left, 3, grid, &r[6]);
    MPI_Isend(p + stride + b->columns, 1, column, right, 2, grid, &r[7]);
    MPI_Waitall(8, r, MPI_STATUSES_IGNORE);
}

/* Collects the plate on rank 0 of the grid, which makes a picture of it. */
static int draw(const struct block *b, int n, const int dims[2], MPI_Comm grid, const char *name) {
    int rank, ranks, stride = b->columns + 2, failed = 0;
    MPI_Comm_rank(grid, &rank);
    MPI_Comm_size(grid, &ranks);
    unsigned char *mine = malloc((size_t)b->rows * b->columns);
    for (int i = 0; i < b->rows; i++)
        for (int j = 0; j < b->columns; j++)
            mine[i * b->columns + j] = (unsigned char)(b->now[(i + 1) * stride + j + 1] * 255);
    MPI_Request sent;
    MPI_Isend(mine, b->rows * b->columns, MPI_UNSIGNED_CHAR, 0, 9, grid, &sent);
    if (rank == 0) {
        unsigned char *plate = malloc((size_t)n * n);
        for (int from = 0; from < ranks; from++) {
            int at[2];
            MPI_Cart_coords(grid, from, 2, at);
            int sizes[2] = {n, n}, sub[2] = {size(n, dims[0], at[0]), size(n, dims[1], at[1])};
            int start[2] = {begin(n, dims[0], at[0]), begin(n, dims[1], at[1])};
            MPI_Datatype place; /* the block within the plate */
            MPI_Type_create_subarray(2, sizes, sub, start, MPI_ORDER_C, MPI_UNSIGNED_CHAR, &place);
            MPI_Type_commit(&place);
            MPI_Recv(plate, 1, place, from, 9, grid, MPI_STATUS_IGNORE);
            MPI_Type_free(&place);
        }
        double sum = 0;
        for (int i = 0; i < n * n; i++)
            sum += plate[i];
        printf("the plate's mean is %.2f of 255\n", sum / n / n);
        failed = picture_write(name, n, n, plate, picture_fire);
        if (failed)
            perror(name);
        else
            printf("wrote %s\n", name);
        free(plate);
    }
    MPI_Wait(&sent, MPI_STATUS_IGNORE);
    free(mine);
    return failed;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int n = argc > 1 ? atoi(argv[1]) : 256, steps = argc > 2 ? atoi(argv[2]) : 500;
    const char *name = argc > 3 ? argv[3] : "heat.png";

    /* The grid of ranks: as square as possible, not periodic. */
    int ranks, rank, dims[2] = {0, 0}, periods[2] = {0, 0}, at[2];
    MPI_Comm grid;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Dims_create(ranks, 2, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 1, &grid);
    MPI_Comm_rank(grid, &rank);
    MPI_Cart_coords(grid, rank, 2, at);
    if (n < dims[0] || n < dims[1] || n > 10000 || steps < 0) {
        if (rank == 0)
            fprintf(stderr, "heat: from %d to 10000 points along an edge, and no negative number of steps\n", dims[0] > dims[1] ? dims[0] : dims[1]);
        MPI_Finalize();
        return 1;
    }
    if (rank == 0)
        printf("%d x %d points on %d x %d ranks\n", n, n, dims[0], dims[1]);

    struct block b = {size(n, dims[0], at[0]), size(n, dims[1], at[1]), NULL, NULL};
    int top = begin(n, dims[0], at[0]), left = begin(n, dims[1], at[1]), stride = b.columns + 2;
    b.now = malloc(sizeof(double) * (b.rows + 2) * stride);
    b.next = malloc(sizeof(double) * (b.rows + 2) * stride);
    for (int i = 0; i < b.rows + 2; i++)
        for (int j = 0; j < stride; j++)
            b.now[i * stride + j] = b.next[i * stride + j] = warmth(n, top + i - 1, left + j - 1);

    MPI_Datatype row, column;
    MPI_Type_contiguous(b.columns, MPI_DOUBLE, &row);
    MPI_Type_vector(b.rows, 1, stride, MPI_DOUBLE, &column);
    MPI_Type_commit(&row);
    MPI_Type_commit(&column);

    int told = steps / 5 > 0 ? steps / 5 : 1;
    for (int s = 1; s <= steps; s++) {
        double change, most;
        exchange(&b, row, column, grid);
        step(&b, &change);
        if (s % told == 0) {
            MPI_Reduce(&change, &most, 1, MPI_DOUBLE, MPI_MAX, 0, grid);
            if (rank == 0)
                printf("step %*d: no point changes by more than %.3e\n", 5, s, most);
        }
    }
    int failed = draw(&b, n, dims, grid, name);

    MPI_Type_free(&row);
    MPI_Type_free(&column);
    MPI_Comm_free(&grid);
    free(b.now);
    free(b.next);
    MPI_Finalize();
    return failed ? 1 : 0;
}
