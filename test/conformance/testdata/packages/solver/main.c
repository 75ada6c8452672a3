#include "config.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_SYS_RESOURCE_H
#include <sys/resource.h>
#endif
#include <sys/time.h>

#include "solver.h"

#if !HAVE_MPI_INIT || !HAVE_MPI_WIN_CREATE || !HAVE_GETTIMEOFDAY || !HAVE_GETRUSAGE || !HAVE_GETHOSTNAME || !HAVE_SYSTEM
#error configure did not find what is there
#endif
#if defined HAVE_MPI_NOTHING || defined HAVE_ARC4RANDOM_X || defined HAVE_INFINIBAND_VERBS_H || SIZEOF_VOID_P != 4
#error configure found what is not there
#endif

int expose(double *, int, MPI_Win *);

int main(int argc, char **argv) {
    enum { n = 16 };
    double x[n + 2] = {0};
    int rank, size, steps;
    struct timeval now;
    struct rusage usage;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    gettimeofday(&now, NULL);
    getrusage(RUSAGE_SELF, &usage);
    if (argc > 1 && strcmp(argv[1], "--one-sided") == 0) {
        MPI_Win win;
        if (expose(x, n, &win) != MPI_SUCCESS)
            return 1;
    }
    double rr = solve(x, n, &steps);
    if (rank == 0)
        printf("%d unknowns, %s, first %.3f\n", n * size, sqrt(rr) < 1e-9 ? "solved" : "not solved", x[1]);
    MPI_Finalize();
    return 0;
}
