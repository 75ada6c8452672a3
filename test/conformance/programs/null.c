/* What programs do with pointers that are NULL, by the first argument. Rank 1 does it. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    int value;
    double weight;
    struct list *next;
};

static struct list *volatile nowhere;
static double *volatile none;

static double __attribute__((noinline)) weight(void) {
    return nowhere->weight;
}

static void operation(void *in, void *inout, int *n, MPI_Datatype *type) {
    (void) in, (void) inout, (void) n, (void) type;
    nowhere->value = 1;
}

int main(int argc, char **argv) {
    int rank, value = 1, sum = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Barrier(MPI_COMM_WORLD);
    switch (argv[1][0]) {
    case 'l': /* load */
        if (rank == 1)
            printf("%g\n", weight());
        break;
    case 's': /* store, far from the pointer itself */
        if (rank == 1)
            none[5000] = 3;
        break;
    case 'm': /* MPI sends it */
        if (rank == 1)
            MPI_Send(none, 100, MPI_DOUBLE, 0, 0, MPI_COMM_WORLD);
        break;
    case 'r': /* MPI is to store there */
        if (rank == 1)
            MPI_Comm_rank(MPI_COMM_WORLD, (int *) none);
        break;
    case 'o': { /* in a callback of MPI */
        MPI_Op op;
        MPI_Op_create(operation, 1, &op);
        MPI_Allreduce(&value, &sum, 1, MPI_INT, op, MPI_COMM_WORLD);
        break;
    }
    case 'f': /* the system is to read it */
        if (rank == 1 && fwrite(none, 1, 100000, stdout) < 100000)
            perror("fwrite"), MPI_Abort(MPI_COMM_WORLD, 7);
        break;
    default: /* nothing is where there is nothing to do */
        MPI_Bcast(none, 0, MPI_DOUBLE, 0, MPI_COMM_WORLD);
        MPI_Sendrecv(none, 0, MPI_INT, MPI_PROC_NULL, 0, none, 0, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank == 1)
            puts("well");
        MPI_Finalize();
        return 0;
    }
    MPI_Barrier(MPI_COMM_WORLD); /* where the others wait */
    MPI_Finalize();
    return 0;
}
