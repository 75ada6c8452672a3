/*
 * hello: every rank greets rank 0, which prints the greetings in the order of the ranks.
 *
 *   hello          who is there
 *   hello where    and on which machine each one runs
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#define SIZE (MPI_MAX_PROCESSOR_NAME + 64)

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);

    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);

    char greeting[SIZE];
    int length = sprintf(greeting, "hello from rank %d of %d", rank, size);
    if (argc > 1 && strcmp(argv[1], "where") == 0) {
        char machine[MPI_MAX_PROCESSOR_NAME];
        int unused;
        MPI_Get_processor_name(machine, &unused);
        length += sprintf(greeting + length, " on %s", machine);
    }

    if (rank == 0) {
        puts(greeting);
        for (int from = 1; from < size; from++) {
            MPI_Recv(greeting, SIZE, MPI_CHAR, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            puts(greeting);
        }
    } else {
        MPI_Send(greeting, length + 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
    }

    MPI_Finalize();
    return 0;
}
