// Has its functions called back.
#include <stdio.h>

int MPI_Op_create(void (*f)(void *, void *, int *, int *), int commute, int *op) __attribute__((import_module("env"), import_name("MPI_Op_create")));
int MPI_Comm_create_errhandler(void (*f)(int *, int *, ...), int *handler) __attribute__((import_module("env"), import_name("MPI_Comm_create_errhandler")));

static void sum(void *in, void *inout, int *n, int *type) { *(int *)inout += *(int *)in * *n; }
static void handler(int *comm, int *code, ...) { *comm = *code + 12; }

int main(void) {
  int v[3] = {2, -1, 5}, h[2] = {0, 5};
  MPI_Op_create(sum, 1, v);
  MPI_Comm_create_errhandler(handler, h);
  printf("%d %d %d\n", v[1], h[0], h[1]);
}
