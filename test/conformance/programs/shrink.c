/*
 * A program that goes on without processes that fail: it adds up, again and again. On an error it
 * revokes its communicator, shrinks it, and goes on from the lowest iteration that a process is at.
 *
 *     shrink ITERATIONS [MICROSECONDS]    of a pause after each iteration
 *
 * The first process that lives prints a line for each recovery, and at the end:
 *
 *     done: 1000 iterations, 3 of 4 ranks, 1 recoveries, sum 3
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if !OMPI_HAVE_MPI_EXT_FTMPI
#error "this MPI has no user-level failure mitigation"
#endif

static MPI_Comm comm;
static int recoveries;

/* The lowest of what the processes that live give, or -1 if one has failed meanwhile. */
static int lowest(int mine) {
    int low = 0;
    for (int bit = 1 << 29; bit > 0; bit >>= 1) {
        int flag = (low | bit) <= mine; /* for all of them? */
        if (MPIX_Comm_agree(comm, &flag) != MPI_SUCCESS)
            return -1;
        if (flag & 1)
            low |= bit;
    }
    return low;
}

static int recover(int iteration) {
    int from;
    do {
        MPI_Comm left;
        if (MPIX_Comm_shrink(comm, &left) != MPI_SUCCESS)
            exit(2);
        if (comm != MPI_COMM_WORLD)
            MPI_Comm_free(&comm);
        comm = left;
        recoveries++;
        from = lowest(iteration);
    } while (from < 0);
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (rank == 0) {
        printf("recovered: %d ranks at iteration %d\n", size, from);
        fflush(stdout);
    }
    return from;
}

int main(int argc, char **argv) {
    int iterations = argc > 1 ? atoi(argv[1]) : 1000, pause = argc > 2 ? atoi(argv[2]) : 0;
    int world, rank, size, sum = 0, well, i = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    comm = MPI_COMM_WORLD;
    for (;;) {
        int code = MPI_SUCCESS;
        while (i < iterations && code == MPI_SUCCESS) {
            int one = 1;
            code = MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
            MPI_Comm_size(comm, &size);
            if (code == MPI_SUCCESS && sum != size) {
                printf("wrong: the sum of %d ranks is %d\n", size, sum);
                MPI_Abort(MPI_COMM_WORLD, 3);
            }
            i += code == MPI_SUCCESS;
            if (pause > 0)
                usleep(pause);
        }
        if (code != MPI_SUCCESS) {
            int class;
            MPI_Error_class(code, &class);
            if (class != MPIX_ERR_PROC_FAILED && class != MPIX_ERR_REVOKED)
                MPI_Abort(MPI_COMM_WORLD, 4);
            MPIX_Comm_revoke(comm); /* so that nobody waits for those who know */
        }
        well = code == MPI_SUCCESS;
        code = MPIX_Comm_agree(comm, &well); /* the same for all */
        if (well && code == MPI_SUCCESS)
            break;
        i = recover(i);
    }
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (rank == 0)
        printf("done: %d iterations, %d of %d ranks, %d recoveries, sum %d\n", i, size, world, recoveries, sum);
    MPI_Finalize();
    return 0;
}
