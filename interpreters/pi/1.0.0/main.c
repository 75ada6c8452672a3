/*
 * pi: the area under 4 / (1 + x^2) from 0 to 1, as the sum of many thin rectangles. Every rank adds
 * up its share of them; MPI_Reduce adds up the shares.
 *
 *   pi [rectangles]        10 million by default
 *   pi rectangles time     prints also how long it took
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);

    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);

    /* Only rank 0 reads the arguments, and broadcasts them. */
    long long n = 10000000;
    if (rank == 0 && argc > 1)
        n = atoll(argv[1]);
    MPI_Bcast(&n, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD);
    if (n < 1) {
        if (rank == 0)
            fprintf(stderr, "pi: %s rectangles: it takes at least one\n", argv[1]);
        MPI_Finalize();
        return 1;
    }

    double start = MPI_Wtime();
    double width = 1.0 / n, sum = 0, pi = 0;
    for (long long i = rank; i < n; i += size) {
        double x = (i + 0.5) * width;
        sum += 4 / (1 + x * x);
    }
    double mine = sum * width;
    MPI_Reduce(&mine, &pi, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);

    if (rank == 0) {
        printf("pi is about %.11f, from %lld rectangles on %d ranks\n", pi, n, size);
        if (n >= 1000000)
            printf("the error is %s\n", fabs(pi - 3.14159265358979323846) < 1e-11 ? "less than 1e-11" : "TOO LARGE");
        if (argc > 2)
            printf("%.3f seconds\n", MPI_Wtime() - start);
    }

    MPI_Finalize();
    return 0;
}
