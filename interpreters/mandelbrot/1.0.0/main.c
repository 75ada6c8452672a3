/*
 * mandelbrot: a picture of the Mandelbrot set. Its rows take very different times, so they cannot
 * be shared fairly in advance. Rank 0, the master, gives each of the others, the workers, one row
 * at a time. A worker asks for the next row by sending the last one.
 *
 *   mandelbrot [width] [height] [iterations] [picture]
 *                       720 x 480, 1000, mandelbrot.png by default
 *   mandelbrot width height iterations picture share
 *                       prints also how many rows each rank computed
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "picture.h"

enum { row_tag = 1, stop_tag = 2 };

struct view {
    int width, height, iterations;
    const char *name;
};

/* The colours of one row; the last element is the number of its points in the set. */
static void make_row(const struct view *v, int y, int *row) {
    double scale = 3.0 / v->width, ci = (y + 0.5 - v->height / 2.0) * scale;
    row[v->width] = 0;
    for (int x = 0; x < v->width; x++) {
        double cr = (x + 0.5) * scale - 2.25, zr = 0, zi = 0;
        int n = 0;
        while (n < v->iterations && zr * zr + zi * zi < 4) {
            double t = zr * zr - zi * zi + cr;
            zi = 2 * zr * zi + ci;
            zr = t;
            n++;
        }
        if (n == v->iterations) {
            row[x] = 255;
            row[v->width]++;
        } else {
            int phase = n * 6 % 508; /* through the palette and back */
            row[x] = phase < 254 ? phase : 508 - phase;
        }
    }
}

/* Gives out rows until there are none left, and collects them. */
static void master(const struct view *v, int workers, unsigned char *pixels, int *inside, int *made) {
    int *row = malloc(sizeof(int) * (v->width + 1)), next = 0, busy = 0;
    int *of = malloc(sizeof(int) * (workers + 1)); /* the row that each worker computes */
    for (int w = 1; w <= workers; w++) {
        of[w] = next;
        MPI_Send(&next, 1, MPI_INT, w, next < v->height ? row_tag : stop_tag, MPI_COMM_WORLD);
        if (next < v->height) {
            next++;
            busy++;
        }
    }
    while (busy > 0 || next < v->height) {
        int y, who = 0;
        if (workers == 0) { /* alone, the master works itself */
            y = next++;
            make_row(v, y, row);
        } else {
            MPI_Status s;
            MPI_Recv(row, v->width + 1, MPI_INT, MPI_ANY_SOURCE, row_tag, MPI_COMM_WORLD, &s);
            who = s.MPI_SOURCE;
            y = of[who];
            of[who] = next;
            MPI_Send(&next, 1, MPI_INT, who, next < v->height ? row_tag : stop_tag, MPI_COMM_WORLD);
            if (next < v->height)
                next++;
            else
                busy--;
        }
        for (int x = 0; x < v->width; x++)
            pixels[(size_t)y * v->width + x] = (unsigned char)row[x];
        *inside += row[v->width];
        made[who]++;
    }
    free(of);
    free(row);
}

/* Computes rows until told to stop. */
static void worker(const struct view *v) {
    int *row = malloc(sizeof(int) * (v->width + 1));
    for (;;) {
        int y;
        MPI_Status s;
        MPI_Recv(&y, 1, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &s);
        if (s.MPI_TAG == stop_tag)
            break;
        make_row(v, y, row);
        MPI_Send(row, v->width + 1, MPI_INT, 0, row_tag, MPI_COMM_WORLD);
    }
    free(row);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, size, failed = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    struct view v = {argc > 1 ? atoi(argv[1]) : 720, argc > 2 ? atoi(argv[2]) : 480, argc > 3 ? atoi(argv[3]) : 1000,
        argc > 4 ? argv[4] : "mandelbrot.png"};
    if (v.width < 1 || v.width > 20000 || v.height < 1 || v.height > 20000 || v.iterations < 1) {
        if (rank == 0)
            fprintf(stderr, "mandelbrot: width and height from 1 to 20000, and at least one iteration\n");
        MPI_Finalize();
        return 1;
    }

    if (rank == 0) {
        unsigned char *pixels = malloc((size_t)v.width * v.height);
        int inside = 0, *made = calloc(size, sizeof(int));
        master(&v, size - 1, pixels, &inside, made);
        printf("%d x %d points, of which %d are in the set as far as %d iterations tell\n", v.width, v.height, inside, v.iterations);
        for (int r = 0; argc > 5 && r < size; r++)
            printf("rank %d made %d rows\n", r, made[r]);
        failed = picture_write(v.name, v.width, v.height, pixels, picture_sea);
        if (failed)
            perror(v.name);
        else
            printf("wrote %s\n", v.name);
        free(made);
        free(pixels);
    } else {
        worker(&v);
    }

    MPI_Finalize();
    return failed ? 1 : 0;
}
