#include <mpi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "graph.h"

static void *listen_for(void *nothing) { return nothing; }

/* An old habit: it is declared by its use. */
main(int argc, char **argv) {
    int64_t parents[LOCAL];
    int rank, provided;
    pthread_t helper;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc > 1 && pthread_create(&helper, NULL, listen_for, NULL) != 0)
        return system("echo no threads") == 0;
    int64_t found = search(1, parents);
    report(rank, (int)found);
    MPI_Finalize();
    return 0;
}

int report(int rank, int found) {
    if (rank == 0)
        printf("%d vertices reached\n", found);
    return 0;
}
