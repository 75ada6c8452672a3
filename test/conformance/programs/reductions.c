/* Reductions: the predefined operations on the types that they are defined for, and operations of
   the program (MPI 5.0, 6.9). */
#include "check.h"

#include <complex.h>
#include <limits.h>

/* ARITHMETIC checks sum, product, minimum and maximum of the ranks' numbers, from 1. */
#define ARITHMETIC(ctype, mpitype)                                                                                                      \
    do {                                                                                                                                \
        ctype in[2] = {(ctype)(rank % 3 + 1), (ctype)(size - rank)}, out[2], sum = 0, product = 1;                                      \
        for (int r_ = 0; r_ < size; r_++) {                                                                                             \
            sum = (ctype)(sum + (ctype)(r_ % 3 + 1));                                                                                   \
            product = (ctype)(product * (ctype)(r_ % 3 + 1));                                                                           \
        }                                                                                                                               \
        OK(MPI_Allreduce(in, out, 2, mpitype, MPI_SUM, MPI_COMM_WORLD));                                                                \
        CHECK(out[0] == sum);                                                                                                           \
        OK(MPI_Allreduce(in, out, 2, mpitype, MPI_PROD, MPI_COMM_WORLD));                                                               \
        CHECK(out[0] == product);                                                                                                       \
        OK(MPI_Allreduce(in, out, 2, mpitype, MPI_MIN, MPI_COMM_WORLD));                                                                \
        CHECK(out[1] == (ctype)1);                                                                                                      \
        OK(MPI_Allreduce(in, out, 2, mpitype, MPI_MAX, MPI_COMM_WORLD));                                                                \
        CHECK(out[1] == (ctype)size);                                                                                                   \
    } while (0)

#define BITS(ctype, mpitype)                                                                                                            \
    do {                                                                                                                                \
        ctype in = (ctype)(1u << rank % 7 | 64), out, or = 64, xor = 0, and = (ctype)~0ull;                                             \
        for (int r_ = 0; r_ < size; r_++) {                                                                                             \
            ctype v_ = (ctype)(1u << r_ % 7 | 64);                                                                                      \
            or = (ctype)(or | v_);                                                                                                      \
            xor = (ctype)(xor ^ v_);                                                                                                    \
            and = (ctype)(and & v_);                                                                                                    \
        }                                                                                                                               \
        OK(MPI_Allreduce(&in, &out, 1, mpitype, MPI_BOR, MPI_COMM_WORLD));                                                              \
        CHECK(out == or);                                                                                                               \
        OK(MPI_Allreduce(&in, &out, 1, mpitype, MPI_BXOR, MPI_COMM_WORLD));                                                             \
        CHECK(out == xor);                                                                                                              \
        OK(MPI_Allreduce(&in, &out, 1, mpitype, MPI_BAND, MPI_COMM_WORLD));                                                             \
        CHECK(out == and);                                                                                                              \
    } while (0)

#define LOGIC(ctype, mpitype)                                                                                                           \
    do {                                                                                                                                \
        ctype in = (ctype)(rank == 0), out;                                                                                             \
        OK(MPI_Allreduce(&in, &out, 1, mpitype, MPI_LOR, MPI_COMM_WORLD));                                                              \
        CHECK(out == 1);                                                                                                                \
        OK(MPI_Allreduce(&in, &out, 1, mpitype, MPI_LXOR, MPI_COMM_WORLD));                                                             \
        CHECK(out == 1);                                                                                                                \
        OK(MPI_Allreduce(&in, &out, 1, mpitype, MPI_LAND, MPI_COMM_WORLD));                                                             \
        CHECK(out == (size == 1));                                                                                                      \
    } while (0)

static void predefined(void) {
    ARITHMETIC(signed char, MPI_SIGNED_CHAR);
    ARITHMETIC(unsigned char, MPI_UNSIGNED_CHAR);
    ARITHMETIC(short, MPI_SHORT);
    ARITHMETIC(unsigned short, MPI_UNSIGNED_SHORT);
    ARITHMETIC(int, MPI_INT);
    ARITHMETIC(unsigned, MPI_UNSIGNED);
    ARITHMETIC(long, MPI_LONG);
    ARITHMETIC(unsigned long, MPI_UNSIGNED_LONG);
    ARITHMETIC(long long, MPI_LONG_LONG);
    ARITHMETIC(unsigned long long, MPI_UNSIGNED_LONG_LONG);
    ARITHMETIC(int8_t, MPI_INT8_T);
    ARITHMETIC(int16_t, MPI_INT16_T);
    ARITHMETIC(int32_t, MPI_INT32_T);
    ARITHMETIC(int64_t, MPI_INT64_T);
    ARITHMETIC(uint8_t, MPI_UINT8_T);
    ARITHMETIC(uint16_t, MPI_UINT16_T);
    ARITHMETIC(uint32_t, MPI_UINT32_T);
    ARITHMETIC(uint64_t, MPI_UINT64_T);
    ARITHMETIC(float, MPI_FLOAT);
    ARITHMETIC(double, MPI_DOUBLE);
    ARITHMETIC(long double, MPI_LONG_DOUBLE);
    ARITHMETIC(MPI_Aint, MPI_AINT);
    ARITHMETIC(MPI_Count, MPI_COUNT);
    ARITHMETIC(MPI_Offset, MPI_OFFSET);
    BITS(unsigned char, MPI_BYTE);
    BITS(unsigned char, MPI_UNSIGNED_CHAR);
    BITS(short, MPI_SHORT);
    BITS(int, MPI_INT);
    BITS(unsigned, MPI_UNSIGNED);
    BITS(long long, MPI_LONG_LONG);
    BITS(uint64_t, MPI_UINT64_T);
    LOGIC(int, MPI_INT);
    LOGIC(unsigned char, MPI_UNSIGNED_CHAR);
    LOGIC(long long, MPI_LONG_LONG);
    LOGIC(_Bool, MPI_C_BOOL);
    double complex z = rank + I, sum = 0, product = 1, p = 1;
    OK(MPI_Allreduce(&z, &sum, 1, MPI_C_DOUBLE_COMPLEX, MPI_SUM, MPI_COMM_WORLD));
    CHECK(creal(sum) == size * (size - 1) / 2.0 && cimag(sum) == size);
    z = rank < 4 ? rank + I : 1;
    for (int r = 0; r < size && r < 4; r++)
        p *= r + I;
    OK(MPI_Allreduce(&z, &product, 1, MPI_C_DOUBLE_COMPLEX, MPI_PROD, MPI_COMM_WORLD));
    CHECK(creal(product) == creal(p) && cimag(product) == cimag(p));
}

/* 6.9.4: the ranks of the minimum and the maximum, the lowest rank of several. */
static void located(void) {
    struct { double v; int at; } d = {rank % 2 ? 5.5 : 2.5, rank}, dout;
    struct { int v, at; } i = {rank / 2, rank}, iout;
    struct { long v; int at; } l = {-rank, rank}, lout;
    struct { float v; int at; } f = {1, rank}, fout;
    struct { short v; int at; } s = {(short)-rank, rank}, sout;
    OK(MPI_Allreduce(&d, &dout, 1, MPI_DOUBLE_INT, MPI_MINLOC, MPI_COMM_WORLD));
    CHECK(dout.v == 2.5 && dout.at == 0);
    OK(MPI_Allreduce(&d, &dout, 1, MPI_DOUBLE_INT, MPI_MAXLOC, MPI_COMM_WORLD));
    CHECK(size == 1 ? dout.v == 2.5 : dout.v == 5.5 && dout.at == 1);
    OK(MPI_Allreduce(&i, &iout, 1, MPI_2INT, MPI_MAXLOC, MPI_COMM_WORLD));
    CHECK(iout.v == (size - 1) / 2 && iout.at == (size - 1) / 2 * 2);
    OK(MPI_Allreduce(&l, &lout, 1, MPI_LONG_INT, MPI_MINLOC, MPI_COMM_WORLD));
    CHECK(lout.v == -(size - 1) && lout.at == size - 1);
    OK(MPI_Allreduce(&f, &fout, 1, MPI_FLOAT_INT, MPI_MAXLOC, MPI_COMM_WORLD));
    CHECK(fout.v == 1 && fout.at == 0);
    OK(MPI_Reduce(&s, &sout, 1, MPI_SHORT_INT, MPI_MINLOC, 0, MPI_COMM_WORLD));
    CHECK(rank || (sout.v == -(size - 1) && sout.at == size - 1));
}

/* An operation that is not commutative: products of 2 x 2 matrices modulo a prime. */
struct matrix {
    long long a, b, c, d;
};

static void times(void *in, void *inout, int *n, MPI_Datatype *t) {
    const struct matrix *x = in;
    struct matrix *y = inout;
    (void)t;
    for (int i = 0; i < *n; i++) {
        struct matrix z = {(x[i].a * y[i].a + x[i].b * y[i].c) % 10007, (x[i].a * y[i].b + x[i].b * y[i].d) % 10007,
            (x[i].c * y[i].a + x[i].d * y[i].c) % 10007, (x[i].c * y[i].b + x[i].d * y[i].d) % 10007};
        y[i] = z;
    }
}

static struct matrix of(int r, int i) { return (struct matrix){r + 1, i % 5 + 2, r % 7, 3}; }

/* The product of the matrices of ranks 0 to last, in rank order. */
static struct matrix product(int last, int i) {
    struct matrix m = of(last, i);
    int one = 1;
    for (int r = last - 1; r >= 0; r--) {
        struct matrix left = of(r, i);
        times(&left, &m, &one, NULL);
    }
    return m;
}

static int same(const struct matrix *x, struct matrix y) { return x->a == y.a && x->b == y.b && x->c == y.c && x->d == y.d; }

static void ordered(void) {
    enum { most = 3000 };
    struct matrix *in = malloc(sizeof *in * most), *out = malloc(sizeof *in * most);
    MPI_Datatype t;
    MPI_Op op;
    int commutes = -1;
    OK(MPI_Type_contiguous(4, MPI_LONG_LONG, &t));
    OK(MPI_Type_commit(&t));
    OK(MPI_Op_create(times, 0, &op));
    OK(MPI_Op_commutative(op, &commutes));
    CHECK(commutes == 0);
    OK(MPI_Op_commutative(MPI_SUM, &commutes));
    CHECK(commutes == 1);
    for (int n = 1; n <= most; n = n * 50 + 3) {
        for (int i = 0; i < n; i++)
            in[i] = of(rank, i);
        OK(MPI_Allreduce(in, out, n, t, op, MPI_COMM_WORLD));
        CHECK(same(&out[0], product(size - 1, 0)) && same(&out[n - 1], product(size - 1, n - 1)));
        for (int root = 0; root < size; root += size > 8 ? size - 1 : 1) {
            OK(MPI_Reduce(in, out, n, t, op, root, MPI_COMM_WORLD));
            CHECK(rank != root || (same(&out[0], product(size - 1, 0)) && same(&out[n - 1], product(size - 1, n - 1))));
        }
        OK(MPI_Scan(in, out, n, t, op, MPI_COMM_WORLD));
        CHECK(same(&out[n - 1], product(rank, n - 1)));
        OK(MPI_Exscan(in, out, n, t, op, MPI_COMM_WORLD));
        CHECK(rank == 0 || same(&out[n - 1], product(rank - 1, n - 1)));
        MPI_Request r;
        OK(MPI_Iallreduce(in, out, n, t, op, MPI_COMM_WORLD, &r));
        OK(MPI_Wait(&r, MPI_STATUS_IGNORE));
        CHECK(same(&out[n - 1], product(size - 1, n - 1)));
    }
    for (int i = 0; i < size; i++)
        in[i] = of(rank, i);
    OK(MPI_Reduce_scatter_block(in, out, 1, t, op, MPI_COMM_WORLD));
    CHECK(same(&out[0], product(size - 1, rank)));
    in[0] = of(0, 0);
    out[0] = of(1, 0);
    OK(MPI_Reduce_local(in, out, 1, t, op));
    CHECK(same(&out[0], product(1, 0)));
    OK(MPI_Op_free(&op));
    CHECK(op == MPI_OP_NULL);
    MPI_Type_free(&t);
    free(in);
    free(out);
}

/* A commutative operation on a type with gaps, which it must not touch. */
static void longer(void *in, void *inout, int *n, MPI_Datatype *t) {
    const int *x = in;
    int *y = inout;
    int bytes;
    MPI_Type_size(*t, &bytes); /* MPI functions may be called here */
    for (int i = 0; i < *n; i++, x += 3, y += 3) {
        if (bytes == 8 && (x[0] > y[0] || (x[0] == y[0] && x[2] > y[2]))) {
            y[0] = x[0];
            y[2] = x[2];
        }
    }
}

static void gaps(void) {
    int in[6] = {rank % 2, -1, rank, size - rank, -1, 7}, out[6] = {9, 9, 9, 9, 9, 9};
    MPI_Datatype t;
    MPI_Op op;
    OK(MPI_Type_vector(2, 1, 2, MPI_INT, &t));
    OK(MPI_Type_commit(&t));
    OK(MPI_Op_create(longer, 1, &op));
    OK(MPI_Allreduce(in, out, 2, t, op, MPI_COMM_WORLD));
    CHECK(out[0] == (size > 1) && out[2] == (size - 1) - (size > 1 && size % 2) && out[1] == 9 && out[3] == size && out[5] == 7 && out[4] == 9);
    OK(MPI_Op_free(&op));
    MPI_Type_free(&t);
}

/* Numbers whose sum depends on the order: all ranks get the same sum, every time. */
static void repeatable(void) {
    enum { n = 2000 };
    double in[n], first[n], again[n], *all = malloc(sizeof(double) * n * size);
    for (int i = 0; i < n; i++)
        in[i] = 1.0 / (rank * n + i + 1) * (i % 2 ? 1e8 : 1e-8);
    OK(MPI_Allreduce(in, first, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
    OK(MPI_Allreduce(in, again, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
    CHECK(memcmp(first, again, sizeof first) == 0);
    OK(MPI_Allgather(first, n, MPI_DOUBLE, all, n, MPI_DOUBLE, MPI_COMM_WORLD));
    for (int r = 0; r < size; r++)
        CHECK(memcmp(all + r * n, first, sizeof first) == 0);
    free(all);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    predefined();
    part("predefined operations");
    located();
    part("least and largest with their places");
    ordered();
    part("not commutative");
    gaps();
    part("types with gaps");
    repeatable();
    part("repeatable");
    return end();
}
