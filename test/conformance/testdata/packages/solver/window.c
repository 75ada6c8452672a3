/* The same exchange, one-sided: for those who ask for it. */
#include <mpi.h>

#include "solver.h"

int expose(double *p, int n, MPI_Win *win) {
    return MPI_Win_create(p, (MPI_Aint)(n + 2) * sizeof *p, sizeof *p, MPI_INFO_NULL, MPI_COMM_WORLD, win);
}
