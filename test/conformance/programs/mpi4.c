/*
 * New in MPI 4 and 5: large counts, persistent collective operations, and others. With an older MPI
 * the parts check nothing and print ok.
 */
#include "check.h"

#if MPI_VERSION >= 4

static int next, previous;

static void large_counts(void) {
    int in[4], out[4] = {rank, 1, 2, 3}, *all = malloc(sizeof(int) * size);
    MPI_Count n = -1, lower, extent, *counts = malloc(sizeof(MPI_Count) * size);
    MPI_Aint *places = malloc(sizeof(MPI_Aint) * size);
    MPI_Status s;
    MPI_Datatype t;
    OK(MPI_Sendrecv_c(out, 4, MPI_INT, next, 1, in, 4, MPI_INT, previous, 1, MPI_COMM_WORLD, &s));
    OK(MPI_Get_count_c(&s, MPI_INT, &n));
    CHECK(n == 4 && in[0] == previous);
    MPI_Request r;
    OK(MPI_Irecv_c(in, 4, MPI_INT, previous, 2, MPI_COMM_WORLD, &r));
    OK(MPI_Send_c(out, 3, MPI_INT, next, 2, MPI_COMM_WORLD));
    OK(MPI_Wait(&r, &s));
    OK(MPI_Get_elements_c(&s, MPI_INT, &n));
    CHECK(n == 3);
    OK(MPI_Bcast_c(in, 4, MPI_INT, 0, MPI_COMM_WORLD));
    OK(MPI_Allreduce_c(&rank, in, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD));
    CHECK(in[0] == size * (size - 1) / 2);
    for (int i = 0; i < size; i++) {
        counts[i] = 1;
        places[i] = size - 1 - i;
    }
    OK(MPI_Allgatherv_c(&rank, 1, MPI_INT, all, counts, places, MPI_INT, MPI_COMM_WORLD));
    CHECK(all[0] == size - 1 && all[size - 1] == 0);
    OK(MPI_Type_vector_c(2, 1, 3, MPI_INT, &t));
    OK(MPI_Type_commit(&t));
    OK(MPI_Type_get_extent_c(t, &lower, &extent));
    OK(MPI_Type_size_c(t, &n));
    CHECK(lower == 0 && extent == 16 && n == 8);
    OK(MPI_Type_free(&t));
    OK(MPI_Type_contiguous_c(3000000000ll, MPI_CHAR, &t)); /* more than an int can count */
    OK(MPI_Type_size_c(t, &n));
    CHECK(n == 3000000000ll);
    int small = 0;
    OK(MPI_Type_size(t, &small));
    CHECK(small == MPI_UNDEFINED);
    OK(MPI_Type_free(&t));
    free(all);
    free(counts);
    free(places);
}

/* 6.13: a collective operation that is initialized once and started often. */
static void persistent(void) {
    int in = -1, out = 0, v = -1, *list = malloc(sizeof(int) * size), *sent = malloc(sizeof(int) * size);
    MPI_Request r[5];
    OK(MPI_Allreduce_init(&out, &in, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, MPI_INFO_NULL, &r[0]));
    OK(MPI_Bcast_init(&v, 1, MPI_INT, size - 1, MPI_COMM_WORLD, MPI_INFO_NULL, &r[1]));
    OK(MPI_Allgather_init(&out, 1, MPI_INT, list, 1, MPI_INT, MPI_COMM_WORLD, MPI_INFO_NULL, &r[2]));
    OK(MPI_Barrier_init(MPI_COMM_WORLD, MPI_INFO_NULL, &r[3]));
    OK(MPI_Alltoall_init(sent, 1, MPI_INT, sent, 1, MPI_INT, MPI_COMM_SELF, MPI_INFO_NULL, &r[4]));
    OK(MPI_Request_free(&r[4]));
    for (int round = 1; round <= 3; round++) {
        out = rank * round;
        v = rank == size - 1 ? 5 * round : -1;
        OK(MPI_Startall(4, r));
        OK(MPI_Waitall(4, r, MPI_STATUSES_IGNORE));
        CHECK(in == round * size * (size - 1) / 2 && v == 5 * round && list[size - 1] == (size - 1) * round);
    }
    for (int i = 0; i < 4; i++)
        OK(MPI_Request_free(&r[i]));
    free(list);
    free(sent);
}

static void nonblocking_sendrecv(void) {
    int in = -1, v = rank;
    MPI_Request r[2];
    OK(MPI_Isendrecv(&rank, 1, MPI_INT, next, 1, &in, 1, MPI_INT, previous, 1, MPI_COMM_WORLD, &r[0]));
    OK(MPI_Isendrecv_replace(&v, 1, MPI_INT, previous, 2, next, 2, MPI_COMM_WORLD, &r[1]));
    OK(MPI_Waitall(2, r, MPI_STATUSES_IGNORE));
    CHECK(in == previous && v == next);
}

/* 4.2: a message whose parts become ready one after the other. */
static void partitioned(void) {
    enum { parts = 4, each = 100 };
    int in[parts * each], out[parts * each], flag;
    MPI_Request send, receive;
    OK(MPI_Psend_init(out, parts, each, MPI_INT, next, 3, MPI_COMM_WORLD, MPI_INFO_NULL, &send));
    OK(MPI_Precv_init(in, 2, each * parts / 2, MPI_INT, previous, 3, MPI_COMM_WORLD, MPI_INFO_NULL, &receive));
    for (int round = 0; round < 2; round++) {
        OK(MPI_Start(&receive));
        OK(MPI_Start(&send));
        for (int p = parts - 1; p >= 0; p--) {
            for (int i = 0; i < each; i++)
                out[p * each + i] = 1000 * rank + p * each + i + round;
            OK(MPI_Pready(p, send));
        }
        for (flag = 0; !flag;)
            OK(MPI_Parrived(receive, 1, &flag));
        CHECK(in[parts * each - 1] == 1000 * previous + parts * each - 1 + round);
        OK(MPI_Wait(&send, MPI_STATUS_IGNORE));
        OK(MPI_Wait(&receive, MPI_STATUS_IGNORE));
        CHECK(in[0] == 1000 * previous + round);
    }
    OK(MPI_Request_free(&send));
    OK(MPI_Request_free(&receive));
}

static void strings(void) {
    MPI_Info info;
    char value[20];
    int n = sizeof value, flag = 0;
    OK(MPI_Info_create(&info));
    OK(MPI_Info_set(info, "colour", "blue"));
    OK(MPI_Info_get_string(info, "colour", &n, value, &flag));
    CHECK(flag && n == 5 && strcmp(value, "blue") == 0);
    OK(MPI_Info_free(&info));
}

static void neighbours(void) {
    int dims[1] = {size}, periods[1] = {1}, in[2] = {-1, -1};
    MPI_Comm ring;
    MPI_Request r;
    OK(MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &ring));
    OK(MPI_Neighbor_allgather_init(&rank, 1, MPI_INT, in, 1, MPI_INT, ring, MPI_INFO_NULL, &r));
    OK(MPI_Start(&r));
    OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
    CHECK(in[0] == previous && in[1] == next);
    OK(MPI_Request_free(&r));
    OK(MPI_Comm_free(&ring));
}

#if MPI_VERSION >= 5
/* 20: handles as integers, and the version of the ABI. */
static void abi(void) {
    int major = -1, minor = -1;
    OK(MPI_Abi_get_version(&major, &minor));
    CHECK(major == MPI_ABI_VERSION && minor == MPI_ABI_SUBVERSION);
    CHECK(MPI_Comm_fromint(MPI_Comm_toint(MPI_COMM_WORLD)) == MPI_COMM_WORLD && MPI_Type_fromint(MPI_Type_toint(MPI_INT)) == MPI_INT);
    MPI_Comm c;
    OK(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    CHECK(MPI_Comm_fromint(MPI_Comm_toint(c)) == c && MPI_Comm_f2c(MPI_Comm_c2f(c)) == c);
    OK(MPI_Comm_free(&c));
}

/* Functions that MPI 3.0 removed and old programs call. */
static void removed(void) {
    struct { char c; double d; } x = {'a', 2.5}, y = {0, 0};
    int lengths[2] = {1, 1};
    MPI_Aint places[2], base, extent;
    MPI_Datatype types[2] = {MPI_CHAR, MPI_DOUBLE}, t;
    OK(MPI_Address(&x, &base));
    OK(MPI_Address(&x.c, &places[0]));
    OK(MPI_Address(&x.d, &places[1]));
    places[0] -= base;
    places[1] -= base;
    OK(MPI_Type_struct(2, lengths, places, types, &t));
    OK(MPI_Type_commit(&t));
    OK(MPI_Type_extent(t, &extent));
    CHECK(extent == sizeof x);
    OK(MPI_Sendrecv(&x, 1, t, next, 1, &y, 1, t, previous, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(y.c == 'a' && y.d == 2.5);
    OK(MPI_Type_free(&t));
    OK(MPI_Type_hvector(2, 1, 8, MPI_INT, &t));
    OK(MPI_Type_extent(t, &extent));
    CHECK(extent == 12);
    OK(MPI_Type_free(&t));
    OK(MPI_Errhandler_set(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    FAILS(MPI_Send(&x, 1, MPI_INT, size, 0, MPI_COMM_WORLD), MPI_ERR_RANK);
    OK(MPI_Errhandler_set(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL));
}
#else
static void abi(void) {}
static void removed(void) {}
#endif

#else
static int next, previous;
static void large_counts(void) {}
static void persistent(void) {}
static void nonblocking_sendrecv(void) {}
static void partitioned(void) {}
static void strings(void) {}
static void neighbours(void) {}
static void abi(void) {}
static void removed(void) {}
#endif

int main(int argc, char **argv) {
    begin(argc, argv);
    next = (rank + 1) % size;
    previous = (rank + size - 1) % size;
    CHECK(next >= 0 && previous >= 0);
    large_counts();
    part("large counts");
    persistent();
    part("persistent collective operations");
    nonblocking_sendrecv();
    part("nonblocking sendrecv");
    partitioned();
    part("partitioned");
    strings();
    part("info strings");
    neighbours();
    part("persistent neighbours");
    abi();
    part("the binary interface");
    removed();
    part("removed functions");
    return end();
}
