/* Blocking point-to-point communication (MPI 5.0, 3.2 to 3.6, 3.10 to 3.11). Every rank sends to
   the next and receives from the previous. */
#include "check.h"

static int next, previous;

static void types(void) {
#define TYPE(ctype, mpitype)                                                                                                            \
    do {                                                                                                                                \
        ctype out[3] = {(ctype)(rank + 1), (ctype)2, (ctype)3}, in[3] = {0, 0, 0};                                                      \
        MPI_Status s;                                                                                                                   \
        int n = -1;                                                                                                                     \
        OK(MPI_Sendrecv(out, 3, mpitype, next, 7, in, 3, mpitype, previous, 7, MPI_COMM_WORLD, &s));                                    \
        OK(MPI_Get_count(&s, mpitype, &n));                                                                                             \
        CHECK(n == 3 && s.MPI_SOURCE == previous && s.MPI_TAG == 7);                                                                    \
        CHECK(in[0] == (ctype)(previous + 1) && in[1] == (ctype)2 && in[2] == (ctype)3);                                                \
        OK(MPI_Type_size(mpitype, &n));                                                                                                 \
        CHECK(n == (int)sizeof(ctype));                                                                                                 \
    } while (0)
    TYPE(char, MPI_CHAR);
    TYPE(signed char, MPI_SIGNED_CHAR);
    TYPE(unsigned char, MPI_UNSIGNED_CHAR);
    TYPE(unsigned char, MPI_BYTE);
    TYPE(short, MPI_SHORT);
    TYPE(unsigned short, MPI_UNSIGNED_SHORT);
    TYPE(int, MPI_INT);
    TYPE(unsigned, MPI_UNSIGNED);
    TYPE(long, MPI_LONG);
    TYPE(unsigned long, MPI_UNSIGNED_LONG);
    TYPE(long long, MPI_LONG_LONG);
    TYPE(long long, MPI_LONG_LONG_INT);
    TYPE(unsigned long long, MPI_UNSIGNED_LONG_LONG);
    TYPE(float, MPI_FLOAT);
    TYPE(double, MPI_DOUBLE);
    TYPE(long double, MPI_LONG_DOUBLE);
    TYPE(int8_t, MPI_INT8_T);
    TYPE(int16_t, MPI_INT16_T);
    TYPE(int32_t, MPI_INT32_T);
    TYPE(int64_t, MPI_INT64_T);
    TYPE(uint8_t, MPI_UINT8_T);
    TYPE(uint16_t, MPI_UINT16_T);
    TYPE(uint32_t, MPI_UINT32_T);
    TYPE(uint64_t, MPI_UINT64_T);
    TYPE(wchar_t, MPI_WCHAR);
    TYPE(_Bool, MPI_C_BOOL);
    TYPE(MPI_Aint, MPI_AINT);
    TYPE(MPI_Offset, MPI_OFFSET);
    TYPE(MPI_Count, MPI_COUNT);
}

/* 3.4: the modes. Rank 0 sends to every other rank. */
static void modes(void) {
    int v = 0;
    if (rank == 0) {
        int bytes, overhead = MPI_BSEND_OVERHEAD, n;
        OK(MPI_Pack_size(1, MPI_INT, MPI_COMM_WORLD, &bytes));
        n = 2 * size * (bytes + overhead);
        void *buffer = malloc(n), *back;
        OK(MPI_Buffer_attach(buffer, n));
        for (int to = 1; to < size; to++) {
            v = 10 * to;
            OK(MPI_Bsend(&v, 1, MPI_INT, to, 1, MPI_COMM_WORLD));
            v = 10 * to + 1;
            OK(MPI_Bsend(&v, 1, MPI_INT, to, 1, MPI_COMM_WORLD));
        }
        v = -1;
        OK(MPI_Buffer_detach(&back, &bytes));
        CHECK(back == buffer && bytes == n);
        free(buffer);
        for (int to = 1; to < size; to++) {
            v = 20 * to;
            OK(MPI_Ssend(&v, 1, MPI_INT, to, 2, MPI_COMM_WORLD));
            int ready;
            OK(MPI_Recv(&ready, 0, MPI_INT, to, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            v = 30 * to;
            OK(MPI_Rsend(&v, 1, MPI_INT, to, 4, MPI_COMM_WORLD));
        }
        return;
    }
    OK(MPI_Recv(&v, 1, MPI_INT, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(v == 10 * rank);
    OK(MPI_Recv(&v, 1, MPI_INT, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(v == 10 * rank + 1);
    OK(MPI_Recv(&v, 1, MPI_INT, 0, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(v == 20 * rank);
    MPI_Request r;
    OK(MPI_Irecv(&v, 1, MPI_INT, 0, 4, MPI_COMM_WORLD, &r));
    OK(MPI_Send(&v, 0, MPI_INT, 0, 3, MPI_COMM_WORLD));
    OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
    CHECK(v == 30 * rank);
}

/* 3.5: messages between two processes do not overtake each other, and a receive matches the first
   that fits. */
static void order(void) {
    enum { many = 200 };
    if (rank == 0) {
        for (int to = 1; to < size; to++)
            for (int i = 0; i < many; i++)
                OK(MPI_Send(&i, 1, MPI_INT, to, i % 3, MPI_COMM_WORLD));
        return;
    }
    int v, seen = 0;
    /* the later tags first: the other messages stay unexpected */
    for (int i = 2; i < many; i += 3) {
        OK(MPI_Recv(&v, 1, MPI_INT, 0, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
        CHECK(v == i);
        seen++;
    }
    int last = -1;
    while (seen < many) {
        MPI_Status s;
        OK(MPI_Recv(&v, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &s));
        CHECK(v > last && v % 3 == s.MPI_TAG && s.MPI_SOURCE == 0);
        last = v;
        seen++;
    }
}

/* 3.2.4: any source. Every other rank sends to rank 0, which receives the same number from each. */
static void wildcards(void) {
    enum { each = 50 };
    if (rank != 0) {
        for (int i = 0; i < each; i++)
            OK(MPI_Send(&i, 1, MPI_INT, 0, rank, MPI_COMM_WORLD));
        return;
    }
    int *heard = calloc(size, sizeof(int));
    for (int i = 0; i < each * (size - 1); i++) {
        int v;
        MPI_Status s;
        OK(MPI_Recv(&v, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &s));
        CHECK(s.MPI_TAG == s.MPI_SOURCE && v == heard[s.MPI_SOURCE]);
        heard[s.MPI_SOURCE]++;
    }
    for (int r = 1; r < size; r++)
        CHECK(heard[r] == each);
    free(heard);
}

/* 3.10: MPI_PROC_NULL; 3.2.5: the status of a receive from it. */
static void nobody(void) {
    MPI_Status s;
    int v = 5, n = -1;
    OK(MPI_Send(&v, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD));
    OK(MPI_Recv(&v, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &s));
    OK(MPI_Get_count(&s, MPI_INT, &n));
    CHECK(v == 5 && s.MPI_SOURCE == MPI_PROC_NULL && s.MPI_TAG == MPI_ANY_TAG && n == 0);
    OK(MPI_Probe(MPI_PROC_NULL, 0, MPI_COMM_WORLD, &s));
    CHECK(s.MPI_SOURCE == MPI_PROC_NULL && s.MPI_TAG == MPI_ANY_TAG);
}

static void exchange(void) {
    int v = rank;
    MPI_Status s;
    OK(MPI_Sendrecv_replace(&v, 1, MPI_INT, next, 1, previous, 1, MPI_COMM_WORLD, &s));
    CHECK(v == previous && s.MPI_SOURCE == previous);
    int out = rank, in = -1; /* to itself */
    OK(MPI_Sendrecv(&out, 1, MPI_INT, rank, 2, &in, 1, MPI_INT, rank, 2, MPI_COMM_WORLD, &s));
    CHECK(in == rank && s.MPI_SOURCE == rank);
    out = 1;
    in = -1; /* nothing is received from MPI_PROC_NULL */
    OK(MPI_Sendrecv(&out, 1, MPI_INT, MPI_PROC_NULL, 2, &in, 1, MPI_INT, MPI_PROC_NULL, 2, MPI_COMM_WORLD, &s));
    CHECK(in == -1);
}

/* Sizes from 0 to more than any buffer on the way holds. */
static void sizes(void) {
    static const int list[] = {0, 1, 7, 8, 63, 64, 1023, 4096, 65535, 65536, 65537, 1 << 20, 5 << 20};
    unsigned char *out = malloc(5 << 20), *in = malloc(5 << 20);
    for (unsigned k = 0; k < sizeof list / sizeof *list; k++) {
        int n = list[k], got = -1;
        for (int i = 0; i < n; i++) {
            out[i] = (unsigned char)(i * 7 + rank + n);
            in[i] = 0;
        }
        MPI_Status s;
        OK(MPI_Sendrecv(out, n, MPI_BYTE, next, 3, in, 5 << 20, MPI_BYTE, previous, 3, MPI_COMM_WORLD, &s));
        OK(MPI_Get_count(&s, MPI_BYTE, &got));
        int same = 1;
        for (int i = 0; i < n; i++)
            same = same && in[i] == (unsigned char)(i * 7 + previous + n);
        CHECK(got == n && same);
    }
    free(out);
    free(in);
}

/* 3.2.5, 3.2.6: received counts; 3.2.4: a message that is longer than its buffer. */
static void counts(void) {
    char in[64];
    int n = -1;
    MPI_Status s;
    MPI_Sendrecv("1234567", 7, MPI_CHAR, next, 0, in, 64, MPI_CHAR, previous, 0, MPI_COMM_WORLD, &s);
    OK(MPI_Get_count(&s, MPI_CHAR, &n));
    CHECK(n == 7);
    OK(MPI_Get_count(&s, MPI_INT, &n));
    CHECK(n == MPI_UNDEFINED);
    OK(MPI_Get_elements(&s, MPI_CHAR, &n));
    CHECK(n == 7);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Request r;
    OK(MPI_Isend("1234567", 7, MPI_CHAR, next, 0, MPI_COMM_WORLD, &r));
    memset(in, 'x', sizeof in);
    FAILS(MPI_Recv(in, 4, MPI_CHAR, previous, 0, MPI_COMM_WORLD, &s), MPI_ERR_TRUNCATE);
    CHECK(in[4] == 'x');
    MPI_Wait(&r, MPI_STATUS_IGNORE);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

/* All to all at the same time, in both directions. */
static void crowd(void) {
    int *in = malloc(sizeof(int) * size);
    MPI_Request *r = malloc(sizeof(MPI_Request) * size * 2);
    for (int k = 0; k < size; k++)
        OK(MPI_Irecv(&in[k], 1, MPI_INT, k, 5, MPI_COMM_WORLD, &r[k]));
    for (int k = 0; k < size; k++)
        OK(MPI_Isend(&rank, 1, MPI_INT, (rank + k) % size, 5, MPI_COMM_WORLD, &r[size + k]));
    OK(MPI_Waitall(2 * size, r, MPI_STATUSES_IGNORE));
    for (int k = 0; k < size; k++)
        CHECK(in[k] == k);
    free(in);
    free(r);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    next = (rank + 1) % size;
    previous = (rank + size - 1) % size;
    types();
    part("types");
    modes();
    part("modes");
    order();
    part("order");
    wildcards();
    part("wildcards");
    nobody();
    part("nobody");
    exchange();
    part("exchange");
    sizes();
    part("sizes");
    counts();
    part("counts and truncation");
    crowd();
    part("everybody at once");
    return end();
}
