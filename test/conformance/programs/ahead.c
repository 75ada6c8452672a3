// A rank begins thousands of nonblocking collective operations before the others begin the first:
// they wait for a message that it sends later. Beginning one waits for nobody (MPI 5.0, 6.12).
#include <mpi.h>
#include <stdio.h>

enum { MANY = 3000 };

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, size, wrong = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  static MPI_Request requests[MANY];
  static int values[MANY];
  for (int first = 0; first < size && first < 2; first++) {
    if (rank != first)
      MPI_Recv(NULL, 0, MPI_INT, first, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 0; i < MANY; i++) {
      values[i] = rank == first ? i : -1;
      MPI_Ibcast(&values[i], 1, MPI_INT, first, MPI_COMM_WORLD, &requests[i]);
    }
    for (int i = 0; rank == first && i < size; i++)
      if (i != first)
        MPI_Send(NULL, 0, MPI_INT, i, 1, MPI_COMM_WORLD);
    MPI_Waitall(MANY, requests, MPI_STATUSES_IGNORE);
    for (int i = 0; i < MANY; i++)
      wrong += values[i] != i;
  }
  int all = 0;
  MPI_Reduce(&wrong, &all, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0)
    printf("%d wrong\n", all);
  MPI_Finalize();
  return 0;
}
