/* ISO C has system() on every implementation: without a command processor system(NULL) is 0, and
 * system("x") fails. Here it is only called if the user asks. Expected output (n=1, no arguments):
 * "no command". */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    if (argc > 1 && system(argv[1]) != 0)
        printf("the command failed\n");
    else
        printf("no command\n");
    MPI_Finalize();
    return 0;
}
