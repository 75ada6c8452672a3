/* Requests: nonblocking communication, completion, cancelling, persistent and generalized requests
   (MPI 5.0, 3.7 to 3.9, 13.2). */
#include "check.h"

static int next, previous;

static void wait_and_test(void) {
    int in = -1, out = rank, flag = 0;
    MPI_Request r[2];
    MPI_Status s;
    OK(MPI_Irecv(&in, 1, MPI_INT, previous, 1, MPI_COMM_WORLD, &r[0]));
    OK(MPI_Isend(&out, 1, MPI_INT, next, 1, MPI_COMM_WORLD, &r[1]));
    OK(MPI_Wait(&r[0], &s));
    CHECK(in == previous && s.MPI_SOURCE == previous && s.MPI_TAG == 1 && r[0] == MPI_REQUEST_NULL);
    while (!flag)
        OK(MPI_Test(&r[1], &flag, &s));
    CHECK(r[1] == MPI_REQUEST_NULL);

    OK(MPI_Test(&r[1], &flag, &s)); /* a null request is complete, with an empty status */
    CHECK(flag && s.MPI_SOURCE == MPI_ANY_SOURCE && s.MPI_TAG == MPI_ANY_TAG);
    OK(MPI_Wait(&r[1], &s));
    int n = -1;
    OK(MPI_Get_count(&s, MPI_INT, &n));
    CHECK(n == 0);

    OK(MPI_Irecv(&in, 1, MPI_INT, previous, 2, MPI_COMM_WORLD, &r[0]));
    OK(MPI_Request_get_status(r[0], &flag, &s));
    CHECK(!flag);
    MPI_Barrier(MPI_COMM_WORLD);
    OK(MPI_Send(&out, 1, MPI_INT, next, 2, MPI_COMM_WORLD));
    for (flag = 0; !flag;)
        OK(MPI_Request_get_status(r[0], &flag, &s));
    CHECK(r[0] != MPI_REQUEST_NULL && s.MPI_SOURCE == previous);
    OK(MPI_Wait(&r[0], MPI_STATUS_IGNORE));
}

enum { many = 12 };

static void post(int *in, int *out, MPI_Request *r) {
    for (int i = 0; i < many; i++) {
        in[i] = -1;
        out[i] = 100 * rank + i;
        OK(MPI_Irecv(&in[i], 1, MPI_INT, previous, 10 + i, MPI_COMM_WORLD, &r[i]));
    }
    for (int i = many - 1; i >= 0; i--)
        OK(MPI_Isend(&out[i], 1, MPI_INT, next, 10 + i, MPI_COMM_WORLD, &r[many + i]));
}

static void several(void) {
    int in[many], out[many], index, flag, done, indices[2 * many], count;
    MPI_Request r[2 * many];
    MPI_Status s, list[2 * many];

    post(in, out, r);
    OK(MPI_Waitall(2 * many, r, list));
    for (int i = 0; i < many; i++)
        CHECK(in[i] == 100 * previous + i && list[i].MPI_TAG == 10 + i && r[i] == MPI_REQUEST_NULL);

    post(in, out, r);
    for (count = 0; count < 2 * many; count++) {
        OK(MPI_Waitany(2 * many, r, &index, &s));
        CHECK(index >= 0 && index < 2 * many && r[index] == MPI_REQUEST_NULL);
        if (index < many)
            CHECK(in[index] == 100 * previous + index && s.MPI_TAG == 10 + index);
    }
    OK(MPI_Waitany(2 * many, r, &index, &s));
    CHECK(index == MPI_UNDEFINED);

    post(in, out, r);
    for (count = 0; count < 2 * many; count += done) {
        OK(MPI_Waitsome(2 * many, r, &done, indices, list));
        CHECK(done >= 1);
        for (int k = 0; k < done; k++)
            if (indices[k] < many)
                CHECK(in[indices[k]] == 100 * previous + indices[k] && list[k].MPI_TAG == 10 + indices[k]);
    }
    OK(MPI_Waitsome(2 * many, r, &done, indices, MPI_STATUSES_IGNORE));
    CHECK(done == MPI_UNDEFINED);

    post(in, out, r);
    for (flag = 0; !flag;)
        OK(MPI_Testall(2 * many, r, &flag, list));
    CHECK(in[many - 1] == 100 * previous + many - 1 && list[0].MPI_SOURCE == previous);

    post(in, out, r);
    for (count = 0; count < 2 * many;) {
        OK(MPI_Testany(2 * many, r, &index, &flag, &s));
        count += flag && index != MPI_UNDEFINED;
    }
    OK(MPI_Testany(2 * many, r, &index, &flag, &s));
    CHECK(flag && index == MPI_UNDEFINED);

    post(in, out, r);
    for (count = 0; count < 2 * many; count += done)
        OK(MPI_Testsome(2 * many, r, &done, indices, MPI_STATUSES_IGNORE));
    OK(MPI_Testsome(2 * many, r, &done, indices, MPI_STATUSES_IGNORE));
    CHECK(done == MPI_UNDEFINED && in[0] == 100 * previous);
    OK(MPI_Waitall(0, NULL, MPI_STATUSES_IGNORE));
}

/* 3.8.4: a receive that nothing matches can be cancelled; 3.7.3: a pending request can be freed. */
static void cancel(void) {
    int in = -1, flag = 0;
    MPI_Request r;
    MPI_Status s;
    OK(MPI_Irecv(&in, 1, MPI_INT, previous, 77, MPI_COMM_WORLD, &r));
    OK(MPI_Cancel(&r));
    OK(MPI_Wait(&r, &s));
    OK(MPI_Test_cancelled(&s, &flag));
    CHECK(flag && in == -1);

    static int out; /* must stay unchanged until it has been received */
    out = 5 + rank;
    OK(MPI_Isend(&out, 1, MPI_INT, next, 78, MPI_COMM_WORLD, &r));
    OK(MPI_Request_free(&r));
    CHECK(r == MPI_REQUEST_NULL);
    OK(MPI_Recv(&in, 1, MPI_INT, previous, 78, MPI_COMM_WORLD, &s));
    OK(MPI_Test_cancelled(&s, &flag));
    CHECK(in == 5 + previous && !flag);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* 3.7.1: the nonblocking modes; a large message in each. */
static void modes(void) {
    enum { n = 100000 };
    int *in = malloc(sizeof(int) * n), *out = malloc(sizeof(int) * n), bytes;
    char *buffer = malloc(sizeof(int) * n + 10000);
    OK(MPI_Buffer_attach(buffer, sizeof(int) * n + 10000));
    for (int mode = 0; mode < 4; mode++) {
        MPI_Request r, q;
        for (int i = 0; i < n; i++)
            out[i] = i + rank + mode;
        OK(MPI_Irecv(in, n, MPI_INT, previous, mode, MPI_COMM_WORLD, &r));
        MPI_Barrier(MPI_COMM_WORLD);
        if (mode == 0)
            OK(MPI_Isend(out, n, MPI_INT, next, mode, MPI_COMM_WORLD, &q));
        else if (mode == 1)
            OK(MPI_Ibsend(out, n, MPI_INT, next, mode, MPI_COMM_WORLD, &q));
        else if (mode == 2)
            OK(MPI_Issend(out, n, MPI_INT, next, mode, MPI_COMM_WORLD, &q));
        else
            OK(MPI_Irsend(out, n, MPI_INT, next, mode, MPI_COMM_WORLD, &q));
        OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
        OK(MPI_Wait(&q, MPI_STATUS_IGNORE));
        CHECK(in[0] == previous + mode && in[n - 1] == n - 1 + previous + mode);
    }
    void *back;
    OK(MPI_Buffer_detach(&back, &bytes));
    CHECK(back == buffer);
    free(buffer);
    free(in);
    free(out);
}

/* 3.9: persistent requests. */
static void persistent(void) {
    int in[5], out[5], bytes;
    char buffer[4096];
    MPI_Request r[10];
    OK(MPI_Buffer_attach(buffer, sizeof buffer));
    for (int i = 0; i < 5; i++)
        OK(MPI_Recv_init(&in[i], 1, MPI_INT, previous, 20 + i, MPI_COMM_WORLD, &r[i]));
    OK(MPI_Send_init(&out[0], 1, MPI_INT, next, 20, MPI_COMM_WORLD, &r[5]));
    OK(MPI_Bsend_init(&out[1], 1, MPI_INT, next, 21, MPI_COMM_WORLD, &r[6]));
    OK(MPI_Ssend_init(&out[2], 1, MPI_INT, next, 22, MPI_COMM_WORLD, &r[7]));
    OK(MPI_Rsend_init(&out[3], 1, MPI_INT, next, 23, MPI_COMM_WORLD, &r[8]));
    OK(MPI_Send_init(&out[4], 1, MPI_INT, next, 24, MPI_COMM_WORLD, &r[9]));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++)
            out[i] = 1000 * round + 10 * rank + i;
        OK(MPI_Startall(5, r));
        MPI_Barrier(MPI_COMM_WORLD);
        OK(MPI_Start(&r[5]));
        OK(MPI_Startall(4, r + 6));
        OK(MPI_Waitall(10, r, MPI_STATUSES_IGNORE));
        for (int i = 0; i < 5; i++)
            CHECK(in[i] == 1000 * round + 10 * previous + i && r[i] != MPI_REQUEST_NULL);
    }
    int flag;
    MPI_Status s;
    OK(MPI_Test(&r[0], &flag, &s)); /* inactive: complete, with an empty status */
    CHECK(flag && s.MPI_SOURCE == MPI_ANY_SOURCE && r[0] != MPI_REQUEST_NULL);
    for (int i = 0; i < 10; i++) {
        OK(MPI_Request_free(&r[i]));
        CHECK(r[i] == MPI_REQUEST_NULL);
    }
    void *back;
    OK(MPI_Buffer_detach(&back, &bytes));
}

static int queried, freed, cancelled;

static int query(void *extra, MPI_Status *s) {
    queried++;
    MPI_Status_set_elements(s, MPI_INT, *(int *)extra);
    MPI_Status_set_cancelled(s, cancelled);
    s->MPI_SOURCE = 3;
    s->MPI_TAG = 4;
    return MPI_SUCCESS;
}

static int release(void *extra) {
    (void)extra;
    freed++;
    return MPI_SUCCESS;
}

static int stop(void *extra, int complete) {
    (void)extra;
    cancelled += !complete;
    return MPI_SUCCESS;
}

/* 13.2: generalized requests, by callbacks of the program. */
static void generalized(void) {
    int elements = 17, flag = -1, n = -1;
    MPI_Request r;
    MPI_Status s;
    OK(MPI_Grequest_start(query, release, stop, &elements, &r));
    OK(MPI_Test(&r, &flag, &s));
    CHECK(!flag && freed == 0);
    OK(MPI_Grequest_complete(r));
    OK(MPI_Wait(&r, &s));
    OK(MPI_Get_count(&s, MPI_INT, &n));
    OK(MPI_Test_cancelled(&s, &flag));
    CHECK(n == 17 && !flag && s.MPI_SOURCE == 3 && s.MPI_TAG == 4 && queried >= 1 && freed == 1 && r == MPI_REQUEST_NULL);
    OK(MPI_Grequest_start(query, release, stop, &elements, &r));
    OK(MPI_Cancel(&r));
    OK(MPI_Grequest_complete(r));
    OK(MPI_Wait(&r, &s));
    OK(MPI_Test_cancelled(&s, &flag));
    CHECK(flag && cancelled == 1 && freed == 2);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    next = (rank + 1) % size;
    previous = (rank + size - 1) % size;
    wait_and_test();
    part("wait and test");
    several();
    part("several at once");
    cancel();
    part("cancel and free");
    modes();
    part("modes");
    persistent();
    part("persistent");
    generalized();
    part("generalized");
    return end();
}
