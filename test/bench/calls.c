/*
 * calls: what calls that need no other rank take, in nanoseconds: the best of five runs of each.
 */
#include <mpi.h>
#include <stdio.h>

enum { n = 200000 };

#define MEASURE(name, calls, statement)                                                           \
    do {                                                                                          \
        double least = 1e9;                                                                       \
        for (int k = 0; k < 5; k++) {                                                             \
            double start = MPI_Wtime();                                                           \
            for (int i = 0; i < n; i++) {                                                         \
                statement;                                                                        \
            }                                                                                     \
            double t = (MPI_Wtime() - start) / n / calls;                                         \
            least = t < least ? t : least;                                                        \
        }                                                                                         \
        printf("%-28s %8.0f ns\n", name, least * 1e9);                                            \
    } while (0)

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank, flag;
    char out[8] = "message", in[8];
    MPI_Request r, q[2];
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MEASURE("Comm_rank", 1, MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    MEASURE("Wtime", 1, MPI_Wtime());
    MEASURE("Isend to nobody, Wait", 2, MPI_Isend(out, 8, MPI_CHAR, MPI_PROC_NULL, 0, MPI_COMM_SELF, &r); MPI_Wait(&r, MPI_STATUS_IGNORE));
    MEASURE("Send, Recv to itself", 2, MPI_Send(out, 8, MPI_CHAR, 0, 0, MPI_COMM_SELF); MPI_Recv(in, 8, MPI_CHAR, 0, 0, MPI_COMM_SELF, MPI_STATUS_IGNORE));
    MEASURE("Irecv, Isend, Waitall", 3, MPI_Irecv(in, 8, MPI_CHAR, 0, 0, MPI_COMM_SELF, q); MPI_Isend(out, 8, MPI_CHAR, 0, 0, MPI_COMM_SELF, q + 1); MPI_Waitall(2, q, MPI_STATUSES_IGNORE));
    MPI_Irecv(in, 8, MPI_CHAR, 0, 0, MPI_COMM_SELF, &r);
    MEASURE("Test", 1, MPI_Test(&r, &flag, MPI_STATUS_IGNORE));
    MPI_Cancel(&r);
    MPI_Wait(&r, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
