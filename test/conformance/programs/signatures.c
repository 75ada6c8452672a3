// Data whose two sides have the same signature in other words: derived types against their parts,
// parts of an element, packed data, counts of zero, blocks in place (MPI 5.0, 3.3.1, 5.1 and 6.1).
#include <mpi.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct record {
  char c;
  double d;
  int i[3];
};

static int rank, size, next, prev;
static int *out, *in;

static void exchange(const void *a, int n, MPI_Datatype s, void *b, int m, MPI_Datatype r) {
  MPI_Sendrecv(a, n, s, next, 1, b, m, r, prev, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void messages(void) {
  struct record x[4] = {0}, y[8];
  char packed[64];
  int at = 0;
  MPI_Datatype record, split, head;
  MPI_Type_create_struct(3, (int[]){1, 1, 3}, (MPI_Aint[]){0, offsetof(struct record, d), offsetof(struct record, i)},
                         (MPI_Datatype[]){MPI_CHAR, MPI_DOUBLE, MPI_INT}, &record);
  MPI_Type_create_struct(4, (int[]){1, 1, 2, 1}, (MPI_Aint[]){0, 8, 16, 24},
                         (MPI_Datatype[]){MPI_CHAR, MPI_DOUBLE, MPI_INT, MPI_INT}, &split);
  MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 8}, (MPI_Datatype[]){MPI_CHAR, MPI_DOUBLE}, &head);
  MPI_Type_commit(&record);
  MPI_Type_commit(&split);
  MPI_Type_commit(&head);
  for (int n = 0; n < 4; n++)
    exchange(x, n, record, y, 4, split);
  exchange(x, 1, head, y, 2, record);
  exchange(x, 1, MPI_CHAR, y, 1, split);
  exchange(x, 0, MPI_DOUBLE, y, 2, MPI_INT);
  exchange(x, 1, MPI_2INT, y, 2, MPI_INT);
  MPI_Pack(x, 4, MPI_INT, packed, sizeof packed, &at, MPI_COMM_WORLD);
  exchange(packed, at, MPI_PACKED, y, 4, MPI_INT);
  exchange(x, 4, MPI_INT, packed, sizeof packed, MPI_PACKED);
  MPI_Bcast(packed, rank == 0 ? 16 : 4, rank == 0 ? MPI_PACKED : MPI_INT, 0, MPI_COMM_WORLD);
  MPI_Bcast(packed, 0, rank % 2 ? MPI_INT : MPI_DOUBLE, 0, MPI_COMM_WORLD);
  MPI_Type_free(&record);
  MPI_Type_free(&split);
  MPI_Type_free(&head);
}

static void blocks(void) {
  MPI_Datatype two, *types = malloc(size * sizeof *types), mine = rank % 2 ? MPI_INT : MPI_FLOAT;
  int count = rank % 2 ? 1 : 2, *counts = malloc(size * sizeof *counts), *displs = malloc(size * sizeof *displs), root = size - 1;
  MPI_Type_contiguous(2, MPI_INT, &two);
  MPI_Type_commit(&two);
  MPI_Bcast(out, count, rank % 2 ? two : MPI_INT, root, MPI_COMM_WORLD);
  MPI_Allgather(out, count, rank % 2 ? two : MPI_INT, in, 3 - count, rank % 2 ? MPI_INT : two, MPI_COMM_WORLD);
  for (int i = 0; i < size; i++) {
    counts[i] = i;
    displs[i] = i * i;
  }
  if (rank == root)
    MPI_Gatherv(MPI_IN_PLACE, -1, MPI_DATATYPE_NULL, in, counts, displs, MPI_INT, root, MPI_COMM_WORLD);
  else
    MPI_Gatherv(out, rank, MPI_INT, NULL, NULL, NULL, MPI_DATATYPE_NULL, root, MPI_COMM_WORLD);
  if (rank == root)
    MPI_Scatterv(in, counts, displs, MPI_INT, MPI_IN_PLACE, -1, MPI_DATATYPE_NULL, root, MPI_COMM_WORLD);
  else
    MPI_Scatterv(NULL, NULL, NULL, MPI_DATATYPE_NULL, out, rank, MPI_INT, root, MPI_COMM_WORLD);
  // types that differ from pair to pair, and of nothing
  for (int i = 0; i < size; i++) {
    types[i] = i % 2 == rank % 2 ? mine : MPI_UNSIGNED;
    counts[i] = (i + rank) % 3;
    displs[i] = 8 * i;
    if (counts[i] == 0)
      types[i] = rank % 2 ? MPI_CHAR : MPI_DOUBLE;
  }
  MPI_Alltoallw(out, counts, displs, types, in, counts, displs, types, MPI_COMM_WORLD);
  MPI_Alltoallw(MPI_IN_PLACE, NULL, NULL, NULL, in, counts, displs, types, MPI_COMM_WORLD);
  MPI_Type_free(&two);
  free(types);
  free(counts);
  free(displs);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  next = (rank + 1) % size;
  prev = (rank + size - 1) % size;
  out = calloc(4 * size * size + 64, sizeof *out);
  in = calloc(4 * size * size + 64, sizeof *in);
  messages();
  blocks();
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0)
    printf("all ended well\n");
  MPI_Finalize();
  return 0;
}
