/* MPI-IO only if the user asks for it with an argument; without one, no file function is called.
 * Expected output (n=2, no arguments): "no file asked for". */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc > 1) {
        MPI_File f;
        if (MPI_File_open(MPI_COMM_WORLD, argv[1], MPI_MODE_RDONLY, MPI_INFO_NULL, &f) == MPI_SUCCESS)
            MPI_File_close(&f);
    } else if (rank == 0) {
        printf("no file asked for\n");
    }
    MPI_Finalize();
    return 0;
}
