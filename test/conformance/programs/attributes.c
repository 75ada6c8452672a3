/* Attributes of communicators and datatypes, by callbacks of the program (MPI 5.0, 7.7). */
#include "check.h"

static int copied, deleted, order[8];

static int copy(MPI_Comm c, int key, void *extra, void *in, void *out, int *flag) {
    (void)c;
    (void)key;
    copied += *(int *)extra;
    *(void **)out = (char *)in + 1;
    *flag = 1;
    return MPI_SUCCESS;
}

static int drop(MPI_Comm c, int key, void *value, void *extra) {
    (void)c;
    (void)key;
    (void)value;
    deleted += *(int *)extra;
    return MPI_SUCCESS;
}

static int refuse(MPI_Comm c, int key, void *value, void *extra) {
    (void)c;
    (void)key;
    (void)value;
    (void)extra;
    return MPI_ERR_OTHER;
}

static void communicators(void) {
    int key, kept, same, flag = -1, seven = 7;
    char store[8];
    void *value = NULL;
    MPI_Comm c;
    OK(MPI_Comm_create_keyval(copy, drop, &key, &seven));
    OK(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &kept, NULL));
    OK(MPI_Comm_create_keyval(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, &same, NULL));
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag));
    CHECK(!flag);
    OK(MPI_Comm_set_attr(MPI_COMM_WORLD, key, store));
    OK(MPI_Comm_set_attr(MPI_COMM_WORLD, kept, store + 3));
    OK(MPI_Comm_set_attr(MPI_COMM_WORLD, same, store + 5));
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag));
    CHECK(flag && value == store);
    OK(MPI_Comm_dup(MPI_COMM_WORLD, &c));
    CHECK(copied == 7);
    OK(MPI_Comm_get_attr(c, key, &value, &flag));
    CHECK(flag && value == store + 1);
    OK(MPI_Comm_get_attr(c, kept, &value, &flag));
    CHECK(!flag);
    OK(MPI_Comm_get_attr(c, same, &value, &flag));
    CHECK(flag && value == store + 5);
    OK(MPI_Comm_set_attr(c, key, store + 2)); /* the old value is deleted */
    CHECK(deleted == 7);
    OK(MPI_Comm_free(&c));
    CHECK(deleted == 14);
    OK(MPI_Comm_delete_attr(MPI_COMM_WORLD, key));
    CHECK(deleted == 21);
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag));
    CHECK(!flag);
    OK(MPI_Comm_delete_attr(MPI_COMM_WORLD, kept));
    OK(MPI_Comm_delete_attr(MPI_COMM_WORLD, same));
    OK(MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &c));
    OK(MPI_Comm_set_attr(c, key, store));
    OK(MPI_Comm_free_keyval(&key)); /* while an attribute uses it: its functions are still called */
    CHECK(key == MPI_KEYVAL_INVALID);
    OK(MPI_Comm_free(&c));
    CHECK(deleted == 28);
    OK(MPI_Comm_free_keyval(&kept));
    OK(MPI_Comm_free_keyval(&same));
}

/* A callback's error is returned by the call, which then has no effect. */
static void errors(void) {
    int key, flag = 0;
    void *value;
    MPI_Comm c;
    OK(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, refuse, &key, NULL));
    OK(MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &c));
    OK(MPI_Comm_set_errhandler(c, MPI_ERRORS_RETURN));
    OK(MPI_Comm_set_attr(c, key, &key));
    CHECK(MPI_Comm_delete_attr(c, key) != MPI_SUCCESS);
    OK(MPI_Comm_get_attr(c, key, &value, &flag));
    CHECK(flag && value == &key);
    OK(MPI_Comm_free_keyval(&key));
}

/* 9.1.2: the predefined attributes. */
static void predefined(void) {
    int *value = NULL, flag = 0;
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &flag));
    CHECK(flag && *value >= 32767);
    if (flag && size > 1) { /* the largest tag can be used */
        int v = -1;
        if (rank == 0)
            OK(MPI_Send(&rank, 1, MPI_INT, 1, *value, MPI_COMM_WORLD));
        if (rank == 1) {
            OK(MPI_Recv(&v, 1, MPI_INT, 0, *value, MPI_COMM_WORLD, MPI_STATUS_IGNORE));
            CHECK(v == 0);
        }
    }
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_WTIME_IS_GLOBAL, &value, &flag));
    CHECK(flag && (*value == 0 || *value == 1));
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &value, &flag));
    CHECK(!flag || *value >= 1);
    OK(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_IO, &value, &flag));
    CHECK(flag);
}

static int type_copied, type_deleted;

static int type_copy(MPI_Datatype t, int key, void *extra, void *in, void *out, int *flag) {
    (void)t;
    (void)key;
    (void)extra;
    type_copied++;
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int type_drop(MPI_Datatype t, int key, void *value, void *extra) {
    (void)t;
    (void)key;
    (void)value;
    (void)extra;
    type_deleted++;
    return MPI_SUCCESS;
}

static void datatypes(void) {
    int key, flag;
    void *value;
    MPI_Datatype t, u;
    OK(MPI_Type_create_keyval(type_copy, type_drop, &key, NULL));
    OK(MPI_Type_contiguous(3, MPI_INT, &t));
    OK(MPI_Type_set_attr(t, key, &key));
    OK(MPI_Type_dup(t, &u));
    OK(MPI_Type_get_attr(u, key, &value, &flag));
    CHECK(flag && value == &key && type_copied == 1);
    OK(MPI_Type_delete_attr(t, key));
    CHECK(type_deleted == 1);
    OK(MPI_Type_get_attr(t, key, &value, &flag));
    CHECK(!flag);
    OK(MPI_Type_free(&u));
    CHECK(type_deleted == 2);
    OK(MPI_Type_free(&t));
    OK(MPI_Type_free_keyval(&key));
    CHECK(key == MPI_KEYVAL_INVALID);
}

/* 16: the names of MPI-1, which old programs use. */
static void old(void) {
    int key, flag, *bound;
    void *value;
    OK(MPI_Keyval_create(MPI_NULL_COPY_FN, MPI_NULL_DELETE_FN, &key, NULL));
    OK(MPI_Attr_put(MPI_COMM_SELF, key, &key));
    OK(MPI_Attr_get(MPI_COMM_SELF, key, &value, &flag));
    CHECK(flag && value == &key);
    OK(MPI_Attr_get(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag));
    CHECK(flag && *bound >= 32767);
    OK(MPI_Attr_delete(MPI_COMM_SELF, key));
    OK(MPI_Keyval_free(&key));
}

static int last(MPI_Comm c, int key, void *value, void *extra) {
    (void)c;
    (void)key;
    int flag = -1;
    MPI_Finalized(&flag); /* 11.2.4: MPI still works */
    int *n = extra;
    order[(*n)++] = flag ? -1 : *(int *)value;
    if (*n == 3 && rank == 0)
        printf("deleted at the end: %d %d %d\n", order[0], order[1], order[2]);
    return MPI_SUCCESS;
}

int main(int argc, char **argv) {
    begin(argc, argv);
    communicators();
    part("communicators");
    errors();
    part("errors of callbacks");
    predefined();
    part("predefined");
    datatypes();
    part("datatypes");
    old();
    part("names of MPI-1");
    /* 11.2.4: MPI_Finalize frees MPI_COMM_SELF first, and its attributes in reverse order. */
    static int values[] = {1, 2, 3}, n;
    for (int i = 0; i < 3; i++) {
        int key;
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, last, &key, &n);
        MPI_Comm_set_attr(MPI_COMM_SELF, key, &values[i]);
    }
    return end();
}
