/* Info objects, errors and the environment (MPI 5.0, chapters 9, 10 and 11). */
#include "check.h"

#include <unistd.h>

static void info(void) {
    MPI_Info a, b;
    char value[MPI_MAX_INFO_VAL + 1], key[MPI_MAX_INFO_KEY + 1];
    int flag = -1, n = -1;
    OK(MPI_Info_create(&a));
    OK(MPI_Info_set(a, "colour", "blue"));
    OK(MPI_Info_set(a, "weight", "3"));
    OK(MPI_Info_set(a, "colour", "red"));
    OK(MPI_Info_get_nkeys(a, &n));
    CHECK(n == 2);
    OK(MPI_Info_get(a, "colour", 100, value, &flag));
    CHECK(flag && strcmp(value, "red") == 0);
    OK(MPI_Info_get(a, "colour", 2, value, &flag));
    CHECK(flag && strcmp(value, "re") == 0);
    OK(MPI_Info_get(a, "size", 100, value, &flag));
    CHECK(!flag);
    OK(MPI_Info_get_valuelen(a, "weight", &n, &flag));
    CHECK(flag && n == 1);
    OK(MPI_Info_get_nthkey(a, 0, key));
    CHECK(strcmp(key, "colour") == 0);
    OK(MPI_Info_dup(a, &b));
    OK(MPI_Info_delete(a, "colour"));
    OK(MPI_Info_get_nkeys(a, &n));
    CHECK(n == 1);
    OK(MPI_Info_get(b, "colour", 100, value, &flag));
    CHECK(flag && strcmp(value, "red") == 0);
    OK(MPI_Info_free(&a));
    OK(MPI_Info_free(&b));
    CHECK(a == MPI_INFO_NULL);
    OK(MPI_Info_get_nkeys(MPI_INFO_ENV, &n));
    CHECK(n >= 0);
}

/* 9.3: with MPI_ERRORS_RETURN a wrong call returns its error class and has no effect. */
static void returned(void) {
    int v = 0, tag_bound = 0, flag, *bound;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    FAILS(MPI_Send(&v, 1, MPI_INT, size, 0, MPI_COMM_WORLD), MPI_ERR_RANK);
    FAILS(MPI_Send(&v, 1, MPI_INT, -9, 0, MPI_COMM_WORLD), MPI_ERR_RANK);
    FAILS(MPI_Send(&v, -1, MPI_INT, 0, 0, MPI_COMM_WORLD), MPI_ERR_COUNT);
    FAILS(MPI_Send(&v, 1, MPI_DATATYPE_NULL, 0, 0, MPI_COMM_WORLD), MPI_ERR_TYPE);
    FAILS(MPI_Send(&v, 1, MPI_INT, 0, -5, MPI_COMM_WORLD), MPI_ERR_TAG);
    FAILS(MPI_Send(&v, 1, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD), MPI_ERR_TAG);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag);
    tag_bound = *bound;
    if (tag_bound < 2147483647)
        FAILS(MPI_Send(&v, 1, MPI_INT, 0, tag_bound + 1, MPI_COMM_WORLD), MPI_ERR_TAG);
    FAILS(MPI_Send(&v, 1, MPI_INT, 0, 0, MPI_COMM_NULL), MPI_ERR_COMM);
    FAILS(MPI_Bcast(&v, 1, MPI_INT, size, MPI_COMM_WORLD), MPI_ERR_ROOT);
    FAILS(MPI_Bcast(&v, 1, MPI_INT, -1, MPI_COMM_WORLD), MPI_ERR_ROOT);
    FAILS(MPI_Allreduce(&v, &v + 1, 1, MPI_INT, MPI_OP_NULL, MPI_COMM_WORLD), MPI_ERR_OP);
    FAILS(MPI_Comm_rank(MPI_COMM_NULL, &v), MPI_ERR_COMM);
    MPI_Group g;
    int wrong = size;
    MPI_Comm_group(MPI_COMM_WORLD, &g);
    MPI_Group h = MPI_GROUP_NULL;
    FAILS(MPI_Group_incl(g, 1, &wrong, &h), MPI_ERR_RANK);
    MPI_Group_free(&g);
    MPI_Datatype t, u;
    MPI_Type_contiguous(2, MPI_INT, &t);
    FAILS(MPI_Send(&v, 1, t, 0, 0, MPI_COMM_WORLD), MPI_ERR_TYPE); /* not committed */
    MPI_Type_free(&t);
    FAILS(MPI_Type_contiguous(-1, MPI_INT, &u), MPI_ERR_COUNT);
    int dims[2] = {size + 1, 1}, periods[2] = {0, 0};
    MPI_Comm c;
    CHECK(MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &c) != MPI_SUCCESS);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_ARE_FATAL);
}

static int handled, handled_class;
static MPI_Comm handled_comm;

static void handle(MPI_Comm *c, int *code, ...) {
    handled++;
    handled_comm = *c;
    MPI_Error_class(*code, &handled_class);
}

/* 9.3: an error handler of the program; the call returns afterwards. */
static void handlers(void) {
    MPI_Errhandler e, got;
    MPI_Comm c;
    int v = 0;
    OK(MPI_Comm_create_errhandler(handle, &e));
    OK(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    OK(MPI_Comm_set_errhandler(c, e));
    OK(MPI_Comm_get_errhandler(c, &got));
    CHECK(got == e);
    OK(MPI_Errhandler_free(&got));
    OK(MPI_Errhandler_free(&e)); /* the communicator still has it */
    CHECK(e == MPI_ERRHANDLER_NULL);
    CHECK(MPI_Send(&v, 1, MPI_INT, size + 3, 0, c) != MPI_SUCCESS);
    CHECK(handled == 1 && handled_class == MPI_ERR_RANK && handled_comm == c);
    OK(MPI_Comm_call_errhandler(c, MPI_ERR_OTHER));
    CHECK(handled == 2 && handled_class == MPI_ERR_OTHER);
    MPI_Comm d;
    OK(MPI_Comm_dup(c, &d)); /* the duplicate has it too */
    CHECK(MPI_Send(&v, -1, MPI_INT, 0, 0, d) != MPI_SUCCESS && handled == 3 && handled_comm == d);
    OK(MPI_Comm_free(&d));
    OK(MPI_Comm_free(&c));
    OK(MPI_Comm_get_errhandler(MPI_COMM_WORLD, &got));
    CHECK(got == MPI_ERRORS_ARE_FATAL);
}

static void codes(void) {
    char text[MPI_MAX_ERROR_STRING], again[MPI_MAX_ERROR_STRING];
    int n = -1, class, code, got, flag, *last;
    for (class = MPI_SUCCESS; class <= MPI_ERR_PENDING; class++) {
        OK(MPI_Error_string(class, text, &n));
        CHECK(n > 0 && n == (int)strlen(text));
        OK(MPI_Error_class(class, &got));
        CHECK(got == class);
    }
    OK(MPI_Add_error_class(&class));
    CHECK(class > MPI_ERR_LASTCODE);
    OK(MPI_Add_error_code(class, &code));
    OK(MPI_Add_error_string(class, "a class of ours"));
    OK(MPI_Add_error_string(code, "a code of ours"));
    OK(MPI_Error_class(code, &got));
    CHECK(got == class && code != class);
    OK(MPI_Error_string(code, again, &n));
    CHECK(strcmp(again, "a code of ours") == 0);
    OK(MPI_Error_string(class, again, &n));
    CHECK(strcmp(again, "a class of ours") == 0);
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &last, &flag));
    CHECK(flag && *last >= code);
}

static void environment(void) {
    int version = 0, subversion = -1, n = 0, flag = 0, level = -1;
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    OK(MPI_Get_version(&version, &subversion));
    CHECK(version == MPI_VERSION && subversion == MPI_SUBVERSION);
    OK(MPI_Get_library_version(text, &n));
    CHECK(n > 0 && strlen(text) > 0 && n < MPI_MAX_LIBRARY_VERSION_STRING);
    OK(MPI_Get_processor_name(text, &n));
    CHECK(n > 0 && n == (int)strlen(text) && n < MPI_MAX_PROCESSOR_NAME);
    OK(MPI_Initialized(&flag));
    CHECK(flag);
    OK(MPI_Finalized(&flag));
    CHECK(!flag);
    OK(MPI_Query_thread(&level));
    CHECK(level == MPI_THREAD_SINGLE || level == MPI_THREAD_FUNNELED || level == MPI_THREAD_SERIALIZED || level == MPI_THREAD_MULTIPLE);
    OK(MPI_Is_thread_main(&flag));
    CHECK(flag);
    OK(MPI_Pcontrol(1));
    OK(MPI_Pcontrol(2, "more", 3.5));
}

/* 9.6: time advances, and a sleep takes at least as long as requested. */
static void time_passes(void) {
    double a = MPI_Wtime(), b;
    usleep(30000);
    b = MPI_Wtime();
    CHECK(b - a >= 0.029 && b - a < 20 && MPI_Wtick() > 0 && MPI_Wtick() <= 0.001);
    for (int i = 0; i < 1000; i++) {
        a = b;
        b = MPI_Wtime();
        CHECK(b >= a);
    }
}

/* 9.2: memory from MPI is ordinary memory. */
static void memory(void) {
    int *p = NULL, *q = NULL, in = -1;
    OK(MPI_Alloc_mem(1 << 20, MPI_INFO_NULL, &p));
    OK(MPI_Alloc_mem(400, MPI_INFO_NULL, &q));
    CHECK(p != NULL && q != NULL && ((char *)p + (1 << 20) <= (char *)q || (char *)q + 400 <= (char *)p));
    for (int i = 0; i < (1 << 18); i++)
        p[i] = i + rank;
    for (int i = 0; i < 100; i++)
        q[i] = -i;
    OK(MPI_Sendrecv(p + 1000, 1, MPI_INT, (rank + 1) % size, 0, &in, 1, MPI_INT, (rank + size - 1) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
    CHECK(in == 1000 + (rank + size - 1) % size && p[(1 << 18) - 1] == (1 << 18) - 1 + rank && q[99] == -99);
    OK(MPI_Free_mem(p));
    OK(MPI_Free_mem(q));
    for (int i = 0; i < 2000; i++) { /* freed memory can be allocated again */
        OK(MPI_Alloc_mem(1 << 20, MPI_INFO_NULL, &p));
        p[i] = i;
        OK(MPI_Free_mem(p));
    }
}

int main(int argc, char **argv) {
    int flag = -1, level = -1, n = -1;
    /* 11.2.3: functions that may be called before MPI_Init. */
    int before = MPI_Initialized(&flag) == MPI_SUCCESS && !flag && MPI_Finalized(&flag) == MPI_SUCCESS && !flag && MPI_Get_version(&n, &level) == MPI_SUCCESS;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK(before && (level == MPI_THREAD_SINGLE || level == MPI_THREAD_FUNNELED || level == MPI_THREAD_SERIALIZED || level == MPI_THREAD_MULTIPLE));
    CHECK(argc >= 1 && argv[0] != NULL && argv[argc] == NULL);
    part("before the beginning");
    info();
    part("info");
    returned();
    part("errors that are returned");
    handlers();
    part("error handlers");
    codes();
    part("error codes");
    environment();
    part("environment");
    time_passes();
    part("time");
    memory();
    part("memory");
    n = end();
    MPI_Initialized(&flag);
    if (rank == 0 && !flag)
        puts("not initialized after all");
    MPI_Finalized(&flag);
    if (rank == 0)
        puts(flag ? "finalized" : "not finalized");
    return n;
}
