/* Datatypes: every constructor, its queries, and messages with it (MPI 5.0, chapter 5). */
#include "check.h"

#include <stddef.h>

static int next, previous;

/* Sends with one type and receives with another, around the ring. */
static void send(const void *out, int n, MPI_Datatype a, void *in, int m, MPI_Datatype b) {
    OK(MPI_Sendrecv(out, n, a, next, 1, in, m, b, previous, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
}

/* Checks size, bounds and true bounds of a type, and commits it. */
static void shape(MPI_Datatype *t, int bytes, MPI_Aint lower, MPI_Aint extent, MPI_Aint true_lower, MPI_Aint true_extent, int line) {
    int n = -1;
    MPI_Aint l = -1, e = -1, tl = -1, te = -1;
    OK(MPI_Type_commit(t));
    OK(MPI_Type_size(*t, &n));
    OK(MPI_Type_get_extent(*t, &l, &e));
    OK(MPI_Type_get_true_extent(*t, &tl, &te));
    check(n == bytes && l == lower && e == extent && tl == true_lower && te == true_extent, "size and extents", line);
}
#define SHAPE(t, ...) shape(&(t), __VA_ARGS__, __LINE__)

static void fill(int *a, int n) {
    for (int i = 0; i < n; i++)
        a[i] = 1000 * rank + i;
}

static void vectors(void) {
    int out[40], in[40];
    MPI_Datatype t, u;
    fill(out, 40);

    OK(MPI_Type_contiguous(5, MPI_INT, &t));
    SHAPE(t, 20, 0, 20, 0, 20);
    send(out, 2, t, in, 10, MPI_INT);
    CHECK(in[0] == 1000 * previous && in[9] == 1000 * previous + 9);
    MPI_Type_free(&t);
    CHECK(t == MPI_DATATYPE_NULL);

    OK(MPI_Type_vector(3, 2, 5, MPI_INT, &t)); /* 0 1, 5 6, 10 11 */
    SHAPE(t, 24, 0, 48, 0, 48);
    send(out, 2, t, in, 12, MPI_INT);
    static const int want[] = {0, 1, 5, 6, 10, 11, 12, 13, 17, 18, 22, 23};
    for (int i = 0; i < 12; i++)
        CHECK(in[i] == 1000 * previous + want[i]);
    memset(in, 0xff, sizeof in);
    send(out, 6, MPI_INT, in, 1, t); /* the other way round: gaps are not overwritten */
    CHECK(in[0] == 1000 * previous && in[5] == 1000 * previous + 2 && in[11] == 1000 * previous + 5 && in[2] == -1 && in[4] == -1);
    MPI_Type_free(&t);

    OK(MPI_Type_vector(3, 1, -2, MPI_INT, &t)); /* backwards */
    SHAPE(t, 12, -16, 20, -16, 20);
    send(out + 10, 1, t, in, 3, MPI_INT);
    CHECK(in[0] == 1000 * previous + 10 && in[1] == 1000 * previous + 8 && in[2] == 1000 * previous + 6);
    MPI_Type_free(&t);

    OK(MPI_Type_create_hvector(2, 1, 12, MPI_INT, &t));
    OK(MPI_Type_create_hvector(2, 1, 4, t, &u)); /* 0 3, 1 4 */
    SHAPE(u, 16, 0, 20, 0, 20);
    send(out, 1, u, in, 4, MPI_INT);
    CHECK(in[0] == 1000 * previous && in[1] == 1000 * previous + 3 && in[2] == 1000 * previous + 1 && in[3] == 1000 * previous + 4);
    MPI_Type_free(&t);
    MPI_Type_free(&u);
}

static void indexed(void) {
    int out[40], in[40], lengths[] = {2, 0, 3}, places[] = {8, 100, 1}, blocks[] = {6, 0, 12};
    MPI_Aint bytes[] = {32, 400, 4}, hblocks[] = {24, 0, 48};
    MPI_Datatype t;
    fill(out, 40);

    OK(MPI_Type_indexed(3, lengths, places, MPI_INT, &t)); /* 8 9, 1 2 3 */
    SHAPE(t, 20, 4, 36, 4, 36);
    send(out, 1, t, in, 5, MPI_INT);
    CHECK(in[0] == 1000 * previous + 8 && in[1] == 1000 * previous + 9 && in[2] == 1000 * previous + 1 && in[4] == 1000 * previous + 3);
    MPI_Type_free(&t);

    OK(MPI_Type_create_hindexed(3, lengths, bytes, MPI_INT, &t));
    SHAPE(t, 20, 4, 36, 4, 36);
    memset(in, 0xff, sizeof in);
    send(out, 5, MPI_INT, in, 1, t);
    CHECK(in[8] == 1000 * previous && in[1] == 1000 * previous + 2 && in[0] == -1 && in[7] == -1 && in[10] == -1);
    MPI_Type_free(&t);

    OK(MPI_Type_create_indexed_block(3, 2, blocks, MPI_INT, &t)); /* 6 7, 0 1, 12 13 */
    SHAPE(t, 24, 0, 56, 0, 56);
    send(out, 1, t, in, 6, MPI_INT);
    CHECK(in[0] == 1000 * previous + 6 && in[2] == 1000 * previous && in[5] == 1000 * previous + 13);
    MPI_Type_free(&t);

    OK(MPI_Type_create_hindexed_block(3, 2, hblocks, MPI_INT, &t));
    SHAPE(t, 24, 0, 56, 0, 56);
    send(out, 1, t, in, 1, t);
    CHECK(in[6] == 1000 * previous + 6 && in[13] == 1000 * previous + 13);
    MPI_Type_free(&t);
}

struct particle {
    char kind;
    double x[3];
    int id;
};

static void structs(void) {
    struct particle out[4], in[4], p = {0};
    int lengths[] = {1, 3, 1};
    MPI_Aint places[3], base;
    MPI_Datatype types[] = {MPI_CHAR, MPI_DOUBLE, MPI_INT}, t, u;
    OK(MPI_Get_address(&p, &base));
    OK(MPI_Get_address(&p.kind, &places[0]));
    OK(MPI_Get_address(p.x, &places[1]));
    OK(MPI_Get_address(&p.id, &places[2]));
    for (int i = 0; i < 3; i++)
        places[i] = MPI_Aint_diff(places[i], base);
    CHECK(places[1] == (MPI_Aint)offsetof(struct particle, x) && MPI_Aint_add(base, places[2]) - base == places[2]);
    OK(MPI_Type_create_struct(3, lengths, places, types, &t));
    OK(MPI_Type_create_resized(t, 0, sizeof p, &u));
    SHAPE(u, 1 + 24 + 4, 0, sizeof p, 0, (MPI_Aint)offsetof(struct particle, id) + 4);
    memset(out, 0, sizeof out);
    memset(in, 0, sizeof in);
    for (int i = 0; i < 4; i++)
        out[i] = (struct particle){(char)('a' + i), {rank, i, 0.5}, 10 * rank + i};
    send(out, 4, u, in, 4, u);
    for (int i = 0; i < 4; i++)
        CHECK(in[i].kind == 'a' + i && in[i].x[0] == previous && in[i].x[1] == i && in[i].x[2] == 0.5 && in[i].id == 10 * previous + i);
    MPI_Type_free(&t);
    MPI_Type_free(&u);

    /* 5.1.12: absolute addresses, with MPI_BOTTOM. */
    int a = rank, b = 2 * rank;
    MPI_Aint where[2];
    int ones[] = {1, 1};
    MPI_Datatype ints[] = {MPI_INT, MPI_INT};
    MPI_Get_address(&a, &where[0]);
    MPI_Get_address(&b, &where[1]);
    OK(MPI_Type_create_struct(2, ones, where, ints, &t));
    OK(MPI_Type_commit(&t));
    int got[2];
    send(MPI_BOTTOM, 1, t, got, 2, MPI_INT);
    CHECK(got[0] == previous && got[1] == 2 * previous);
    MPI_Type_free(&t);
}

static void arrays(void) {
    int out[6][8], in[24], sizes[] = {6, 8}, sub[] = {3, 2}, start[] = {2, 5};
    MPI_Datatype t;
    fill(&out[0][0], 48);
    OK(MPI_Type_create_subarray(2, sizes, sub, start, MPI_ORDER_C, MPI_INT, &t));
    SHAPE(t, 24, 0, 192, (2 * 8 + 5) * 4, (2 * 8 + 2) * 4);
    send(out, 1, t, in, 6, MPI_INT);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
            CHECK(in[2 * i + j] == 1000 * previous + 8 * (2 + i) + 5 + j);
    MPI_Type_free(&t);
    /* the first index changes fastest */
    OK(MPI_Type_create_subarray(2, sizes, sub, start, MPI_ORDER_FORTRAN, MPI_INT, &t));
    SHAPE(t, 24, 0, 192, (5 * 6 + 2) * 4, (6 + 3) * 4);
    send(out, 1, t, in, 6, MPI_INT);
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 3; i++)
            CHECK(in[3 * j + i] == 1000 * previous + 6 * (5 + j) + 2 + i);
    MPI_Type_free(&t);

    /* 5.1.4: an array of 6 x 8 on 2 x 2 processes: rows in blocks, columns in pairs, cyclically. */
    int distribute[] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC}, args[] = {MPI_DISTRIBUTE_DFLT_DARG, 2}, grid[] = {2, 2};
    /* process 3: (1, 1) */
    OK(MPI_Type_create_darray(4, 3, 2, sizes, distribute, args, grid, MPI_ORDER_C, MPI_INT, &t));
    OK(MPI_Type_commit(&t));
    int n = 0;
    MPI_Aint l, e;
    OK(MPI_Type_size(t, &n));
    OK(MPI_Type_get_extent(t, &l, &e));
    CHECK(n == 3 * 4 * 4 && l == 0 && e == 192);
    send(out, 1, t, in, 12, MPI_INT);
    static const int columns[] = {2, 3, 6, 7};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            CHECK(in[4 * i + j] == 1000 * previous + 8 * (3 + i) + columns[j]);
    MPI_Type_free(&t);
}

static void inquiry(void) {
    int ints[8] = {0}, counts[4], combiner = -1, lengths[] = {2, 3}, places[] = {0, 4};
    MPI_Aint addresses[4];
    MPI_Datatype types[4], t, u, v;
    OK(MPI_Type_get_envelope(MPI_DOUBLE, &counts[0], &counts[1], &counts[2], &combiner));
    CHECK(combiner == MPI_COMBINER_NAMED);
    OK(MPI_Type_indexed(2, lengths, places, MPI_DOUBLE, &t));
    OK(MPI_Type_get_envelope(t, &counts[0], &counts[1], &counts[2], &combiner));
    CHECK(counts[0] == 5 && counts[1] == 0 && counts[2] == 1 && combiner == MPI_COMBINER_INDEXED);
    OK(MPI_Type_get_contents(t, 5, 0, 1, ints, addresses, types));
    CHECK(ints[0] == 2 && ints[1] == 2 && ints[2] == 3 && ints[3] == 0 && ints[4] == 4 && types[0] == MPI_DOUBLE);
    OK(MPI_Type_create_hvector(3, 2, 100, t, &u));
    OK(MPI_Type_get_envelope(u, &counts[0], &counts[1], &counts[2], &combiner));
    CHECK(counts[0] == 2 && counts[1] == 1 && counts[2] == 1 && combiner == MPI_COMBINER_HVECTOR);
    OK(MPI_Type_get_contents(u, 2, 1, 1, ints, addresses, types));
    CHECK(ints[0] == 3 && ints[1] == 2 && addresses[0] == 100);
    /* a new reference to t */
    OK(MPI_Type_get_envelope(types[0], &counts[0], &counts[1], &counts[2], &combiner));
    CHECK(combiner == MPI_COMBINER_INDEXED);
    OK(MPI_Type_free(&types[0]));
    OK(MPI_Type_dup(u, &v));
    OK(MPI_Type_get_envelope(v, &counts[0], &counts[1], &counts[2], &combiner));
    CHECK(combiner == MPI_COMBINER_DUP);
    MPI_Type_free(&t);
    MPI_Type_free(&u);
    OK(MPI_Type_commit(&v)); /* made of types that are freed: it stays valid */
    MPI_Type_free(&v);

    char name[MPI_MAX_OBJECT_NAME];
    int n = -1;
    OK(MPI_Type_get_name(MPI_DOUBLE, name, &n));
    CHECK(strcmp(name, "MPI_DOUBLE") == 0 && n == 10);
    MPI_Type_contiguous(2, MPI_INT, &t);
    OK(MPI_Type_get_name(t, name, &n));
    CHECK(n == 0);
    OK(MPI_Type_set_name(t, "two ints"));
    OK(MPI_Type_get_name(t, name, &n));
    CHECK(strcmp(name, "two ints") == 0);
    MPI_Type_free(&t);
    OK(MPI_Type_match_size(MPI_TYPECLASS_INTEGER, 8, &t));
    OK(MPI_Type_size(t, &n));
    CHECK(n == 8);
    MPI_Count big;
    OK(MPI_Type_size_x(MPI_DOUBLE, &big));
    CHECK(big == 8);

    struct { double v; int i; } pair;
    MPI_Aint lower, extent;
    OK(MPI_Type_size(MPI_DOUBLE_INT, &n));
    OK(MPI_Type_get_extent(MPI_DOUBLE_INT, &lower, &extent));
    CHECK(n == 12 && extent == sizeof pair);
    OK(MPI_Type_size(MPI_2INT, &n));
    CHECK(n == 8);
}

/* 5.1.11: elements are counted even if the message ends within a type. */
static void elements(void) {
    MPI_Datatype t;
    MPI_Status s;
    int lengths[] = {1, 1}, in[16], out[16] = {0}, n = -1;
    MPI_Aint places[] = {0, 4};
    MPI_Datatype types[] = {MPI_INT, MPI_FLOAT};
    OK(MPI_Type_create_struct(2, lengths, places, types, &t));
    OK(MPI_Type_commit(&t));
    OK(MPI_Sendrecv(out, 2, t, next, 1, in, 4, t, previous, 1, MPI_COMM_WORLD, &s));
    OK(MPI_Get_count(&s, t, &n));
    CHECK(n == 2);
    OK(MPI_Get_elements(&s, t, &n));
    CHECK(n == 4);
    OK(MPI_Sendrecv(out, 1, MPI_INT, next, 1, in, 4, t, previous, 1, MPI_COMM_WORLD, &s));
    OK(MPI_Get_count(&s, t, &n));
    CHECK(n == MPI_UNDEFINED);
    OK(MPI_Get_elements(&s, t, &n));
    CHECK(n == 1);
    MPI_Count many = -1;
    OK(MPI_Get_elements_x(&s, t, &many));
    CHECK(many == 1);
    OK(MPI_Status_set_elements(&s, MPI_DOUBLE, 9));
    OK(MPI_Get_count(&s, MPI_DOUBLE, &n));
    CHECK(n == 9);
    MPI_Type_free(&t);
}

static void packing(void) {
    char buffer[300], text[8] = "packed!";
    int position = 0, a = rank, bytes = -1, n = 0;
    double b[2] = {1.5, rank};
    OK(MPI_Pack_size(1, MPI_INT, MPI_COMM_WORLD, &n));
    CHECK(n >= 4);
    OK(MPI_Pack(&a, 1, MPI_INT, buffer, sizeof buffer, &position, MPI_COMM_WORLD));
    OK(MPI_Pack(b, 2, MPI_DOUBLE, buffer, sizeof buffer, &position, MPI_COMM_WORLD));
    OK(MPI_Pack(text, 8, MPI_CHAR, buffer, sizeof buffer, &position, MPI_COMM_WORLD));
    CHECK(position == 4 + 16 + 8);
    char got[300];
    MPI_Status s;
    OK(MPI_Sendrecv(buffer, position, MPI_PACKED, next, 2, got, sizeof got, MPI_PACKED, previous, 2, MPI_COMM_WORLD, &s));
    OK(MPI_Get_count(&s, MPI_PACKED, &bytes));
    CHECK(bytes == position);
    position = 0;
    text[0] = 0;
    OK(MPI_Unpack(got, bytes, &position, &a, 1, MPI_INT, MPI_COMM_WORLD));
    OK(MPI_Unpack(got, bytes, &position, b, 2, MPI_DOUBLE, MPI_COMM_WORLD));
    OK(MPI_Unpack(got, bytes, &position, text, 8, MPI_CHAR, MPI_COMM_WORLD));
    CHECK(a == previous && b[0] == 1.5 && b[1] == previous && strcmp(text, "packed!") == 0 && position == bytes);

    /* 5.3: the same bytes on every machine, big-endian. */
    MPI_Aint size_external = 0, at = 0;
    unsigned char external[16];
    int two[2] = {0x01020304, -2}, back[2] = {0, 0};
    OK(MPI_Pack_external_size("external32", 2, MPI_INT, &size_external));
    CHECK(size_external == 8);
    OK(MPI_Pack_external("external32", two, 2, MPI_INT, external, sizeof external, &at));
    CHECK(at == 8 && external[0] == 1 && external[3] == 4 && external[4] == 0xff && external[7] == 0xfe);
    at = 0;
    OK(MPI_Unpack_external("external32", external, 8, &at, back, 2, MPI_INT));
    CHECK(back[0] == 0x01020304 && back[1] == -2);
}

/* A matrix that is transposed by its types: sent by rows, received by columns. */
static void transpose(void) {
    enum { n = 50 };
    double out[n][n], in[n][n];
    MPI_Datatype column, columns;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            out[i][j] = 10000 * rank + 100 * i + j;
    OK(MPI_Type_vector(n, 1, n, MPI_DOUBLE, &column));
    OK(MPI_Type_create_hvector(n, 1, sizeof(double), column, &columns));
    OK(MPI_Type_commit(&columns));
    send(out, n * n, MPI_DOUBLE, in, 1, columns);
    int same = 1;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            same = same && in[i][j] == 10000 * previous + 100 * j + i;
    CHECK(same);
    MPI_Type_free(&column);
    MPI_Type_free(&columns);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    next = (rank + 1) % size;
    previous = (rank + size - 1) % size;
    vectors();
    part("contiguous and vectors");
    indexed();
    part("indexed");
    structs();
    part("structs and addresses");
    arrays();
    part("arrays");
    inquiry();
    part("inquiry");
    elements();
    part("elements");
    packing();
    part("packing");
    transpose();
    part("a transposed matrix");
    return end();
}
