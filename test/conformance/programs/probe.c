/* Probes, matched and not (MPI 5.0, 3.8). Every rank sends to the next. */
#include "check.h"

static int next, previous;

static void probe(void) {
    MPI_Request r;
    MPI_Status s, t;
    int n = -1, in[8], flag;
    OK(MPI_Iprobe(previous, 55, MPI_COMM_WORLD, &flag, &s)); /* nobody sends this */
    CHECK(!flag);
    int out[3] = {rank, 2, 3};
    OK(MPI_Isend(out, 3, MPI_INT, next, 9, MPI_COMM_WORLD, &r));
    OK(MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &s));
    OK(MPI_Get_count(&s, MPI_INT, &n));
    CHECK(s.MPI_SOURCE == previous && s.MPI_TAG == 9 && n == 3);
    OK(MPI_Iprobe(previous, 9, MPI_COMM_WORLD, &flag, &t)); /* it is still there */
    CHECK(flag && t.MPI_SOURCE == previous);
    OK(MPI_Recv(in, n, MPI_INT, s.MPI_SOURCE, s.MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(in[0] == previous && in[2] == 3);
    OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
}

/* A probe returns the size of a message, even of one that is still at its sender. */
static void large(void) {
    enum { n = 300000 };
    char *out = malloc(n), *in;
    MPI_Request r;
    MPI_Status s;
    int got = 0, flag = 0;
    memset(out, 'a' + rank % 26, n);
    OK(MPI_Isend(out, n - rank, MPI_CHAR, next, 1, MPI_COMM_WORLD, &r));
    while (!flag)
        OK(MPI_Iprobe(previous, 1, MPI_COMM_WORLD, &flag, &s));
    OK(MPI_Get_count(&s, MPI_CHAR, &got));
    CHECK(got == n - previous);
    in = malloc(got);
    OK(MPI_Recv(in, got, MPI_CHAR, previous, 1, MPI_COMM_WORLD, &s));
    CHECK(in[0] == 'a' + previous % 26 && in[got - 1] == 'a' + previous % 26);
    OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
    free(in);
    free(out);
}

/* 3.8.2: a matched message cannot be received by other receives. */
static void matched(void) {
    MPI_Message m, m2;
    MPI_Status s;
    MPI_Request r[2], q;
    int out[2] = {10 * rank + 1, 10 * rank + 2}, in = -1, flag = 0, n;
    for (int i = 0; i < 2; i++)
        OK(MPI_Isend(&out[i], 1, MPI_INT, next, 3, MPI_COMM_WORLD, &r[i]));
    OK(MPI_Mprobe(previous, 3, MPI_COMM_WORLD, &m, &s));
    OK(MPI_Get_count(&s, MPI_INT, &n));
    CHECK(n == 1 && m != MPI_MESSAGE_NULL);
    OK(MPI_Recv(&in, 1, MPI_INT, previous, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(in == 10 * previous + 2);
    OK(MPI_Mrecv(&in, 1, MPI_INT, &m, &s));
    CHECK(in == 10 * previous + 1 && m == MPI_MESSAGE_NULL && s.MPI_TAG == 3);
    OK(MPI_Waitall(2, r, MPI_STATUSES_IGNORE));

    OK(MPI_Isend(&out[1], 1, MPI_INT, next, 4, MPI_COMM_WORLD, &r[0]));
    while (!flag)
        OK(MPI_Improbe(MPI_ANY_SOURCE, 4, MPI_COMM_WORLD, &flag, &m2, &s));
    OK(MPI_Imrecv(&in, 1, MPI_INT, &m2, &q));
    OK(MPI_Wait(&q, &s));
    CHECK(in == 10 * previous + 2 && s.MPI_SOURCE == previous && m2 == MPI_MESSAGE_NULL);
    OK(MPI_Wait(&r[0], MPI_STATUS_IGNORE));

    OK(MPI_Mprobe(MPI_PROC_NULL, 0, MPI_COMM_WORLD, &m, &s));
    CHECK(m == MPI_MESSAGE_NO_PROC && s.MPI_SOURCE == MPI_PROC_NULL);
    OK(MPI_Mrecv(&in, 1, MPI_INT, &m, &s));
    CHECK(m == MPI_MESSAGE_NULL && s.MPI_SOURCE == MPI_PROC_NULL);
}

/* Messages in one communicator are not visible in another. */
static void apart(void) {
    MPI_Comm other;
    MPI_Request r;
    MPI_Status s;
    int flag = -1, in = -1;
    OK(MPI_Comm_dup(MPI_COMM_WORLD, &other));
    OK(MPI_Isend(&rank, 1, MPI_INT, next, 6, other, &r));
    OK(MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, other, &s));
    OK(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &s));
    CHECK(!flag);
    OK(MPI_Recv(&in, 1, MPI_INT, previous, 6, other, MPI_STATUS_IGNORE));
    CHECK(in == previous);
    OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
    MPI_Barrier(MPI_COMM_WORLD);
    OK(MPI_Comm_free(&other));
}

int main(int argc, char **argv) {
    begin(argc, argv);
    next = (rank + 1) % size;
    previous = (rank + size - 1) % size;
    probe();
    part("probe");
    large();
    part("large messages");
    matched();
    part("matched probe");
    apart();
    part("communicators apart");
    return end();
}
