/* Programs that are wrong, each named by the first argument: without a check most of them end well
   on two ranks, or wait for ever. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static int rank, other;
static int ints[64];
static double doubles[64];

static void send_int_receive_double(void) {
    if (rank == 0)
        MPI_Send(ints, 4, MPI_INT, 1, 3, MPI_COMM_WORLD);
    else
        MPI_Recv(doubles, 4, MPI_DOUBLE, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void bcast_reduce(void) {
    if (rank == 0)
        MPI_Bcast(ints, 1, MPI_INT, 0, MPI_COMM_WORLD);
    else
        MPI_Reduce(ints, NULL, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
}

static void roots(void) { MPI_Bcast(ints, 1, MPI_INT, rank, MPI_COMM_WORLD); }

static void counts(void) {
    if (rank == 0)
        MPI_Allreduce(ints, ints + 32, 4, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    else
        MPI_Allreduce(ints, ints + 32, 8, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
}

static void operations(void) {
    MPI_Request r;
    MPI_Iallreduce(ints, ints + 32, 4, MPI_INT, rank ? MPI_MAX : MPI_SUM, MPI_COMM_WORLD, &r);
    MPI_Wait(&r, MPI_STATUS_IGNORE);
}

static void gather_sizes(void) { MPI_Gather(doubles, rank + 1, MPI_FLOAT, doubles + 32, 1, MPI_FLOAT, 0, MPI_COMM_WORLD); }

static void scatter_types(void) {
    if (rank == 0)
        MPI_Scatter(ints, 2, MPI_INT, ints + 32, 2, MPI_INT, 0, MPI_COMM_WORLD);
    else
        MPI_Scatter(NULL, 0, MPI_INT, doubles, 2, MPI_FLOAT, 0, MPI_COMM_WORLD);
}

static void allreduce_barrier(void) {
    if (rank == 0)
        MPI_Allreduce(ints, ints + 32, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    else
        MPI_Barrier(MPI_COMM_WORLD);
}

static void derived(void) {
    MPI_Datatype t;
    MPI_Request r;
    int lengths[2] = {1, 1};
    MPI_Aint at[2] = {0, 8};
    MPI_Datatype mine[2] = {MPI_INT, MPI_DOUBLE}, theirs[2] = {MPI_INT, MPI_LONG_LONG};
    MPI_Type_create_struct(2, lengths, at, rank ? theirs : mine, &t);
    MPI_Type_commit(&t);
    if (rank == 0)
        MPI_Isend(doubles, 3, t, 1, 7, MPI_COMM_WORLD, &r);
    else
        MPI_Irecv(doubles, 5, t, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &r);
    MPI_Wait(&r, MPI_STATUS_IGNORE);
    MPI_Type_free(&t);
}

static void sendrecv(void) {
    MPI_Sendrecv(ints, 2, rank ? MPI_UNSIGNED : MPI_INT, other, 1, ints + 32, 2, MPI_INT, other, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void large(void) {
    static char bytes[200000];
    if (rank == 0)
        MPI_Ssend(bytes, 200000, MPI_CHAR, 1, 1, MPI_COMM_WORLD);
    else
        MPI_Recv(bytes, 200000, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void too_long(void) {
    if (rank == 0)
        MPI_Send(ints, 8, MPI_INT, 1, 3, MPI_COMM_WORLD);
    else
        MPI_Recv(ints, 4, MPI_INT, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void alltoallv(void) {
    int send[2] = {1, 1}, recv[2] = {1, 1}, at[2] = {0, 4};
    send[1] += rank == 0;
    MPI_Alltoallv(ints, send, at, MPI_INT, ints + 32, recv, at, MPI_INT, MPI_COMM_WORLD);
}

static void split_dup(void) {
    MPI_Comm comm;
    if (rank == 0)
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    else
        MPI_Comm_split(MPI_COMM_WORLD, 0, 0, &comm);
}

static void one_more(void) {
    if (rank == 0)
        MPI_Bcast(ints, 1, MPI_INT, 0, MPI_COMM_WORLD);
}

static void communicators(void) {
    MPI_Comm a, b;
    MPI_Comm_dup(MPI_COMM_WORLD, &a);
    MPI_Comm_dup(MPI_COMM_WORLD, &b);
    MPI_Bcast(ints, 1, MPI_INT, 0, rank ? a : b);
    MPI_Barrier(rank ? b : a);
    MPI_Bcast(ints, 1, MPI_INT, 0, rank ? a : b);
    MPI_Barrier(a);
}

// The operation ends when those of a hundred other communicators have been compared.
static void late(void) {
    MPI_Comm ring, more;
    MPI_Request r;
    MPI_Cart_create(MPI_COMM_WORLD, 1, (int[]){2}, (int[]){1}, 0, &ring);
    MPI_Ineighbor_allgather(ints, 2 - rank, MPI_INT, ints + 32, 2 - rank, MPI_INT, ring, &r);
    for (int i = 0; i < 100; i++) {
        MPI_Comm_dup(MPI_COMM_WORLD, &more);
        MPI_Barrier(more);
    }
    MPI_Wait(&r, MPI_STATUS_IGNORE);
}

static const struct {
    const char *name;
    void (*run)(void);
} programs[] = {
    {"send-int-receive-double", send_int_receive_double}, {"bcast-reduce", bcast_reduce}, {"roots", roots}, {"counts", counts},
    {"operations", operations}, {"gather-sizes", gather_sizes}, {"scatter-types", scatter_types}, {"allreduce-barrier", allreduce_barrier},
    {"derived", derived}, {"sendrecv", sendrecv}, {"large", large}, {"too-long", too_long}, {"alltoallv", alltoallv},
    {"split-dup", split_dup}, {"one-more", one_more}, {"communicators", communicators}, {"late", late},
};

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    other = 1 - rank;
    for (unsigned i = 0; i < sizeof programs / sizeof *programs; i++)
        if (argc > 1 && strcmp(argv[1], programs[i].name) == 0)
            programs[i].run();
    MPI_Finalize();
    printf("%d ended\n", rank);
    return 0;
}
