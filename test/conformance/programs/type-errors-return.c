/* A program of MPI 3 sets MPI_ERRORS_RETURN for MPI_COMM_WORLD, and expects an error of a datatype
 * function to be returned. MPI 4.0 moved errors of no communicator to MPI_COMM_SELF. */
#include <mpi.h>
#include <stdio.h>

static int refuse(MPI_Datatype t, int key, void *value, void *extra) {
    (void)t, (void)key, (void)value, (void)extra;
    return MPI_ERR_OTHER;
}

int main(int argc, char **argv) {
    int key, e;
    MPI_Datatype t;
    MPI_Init(&argc, &argv);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Type_contiguous(2, MPI_INT, &t);
    MPI_Type_create_keyval(MPI_TYPE_NULL_COPY_FN, refuse, &key, NULL);
    MPI_Type_set_attr(t, key, &key);
    e = MPI_Type_delete_attr(t, key);
    printf(e == MPI_SUCCESS ? "returned success\n" : "returned an error\n");
    fflush(stdout);
    MPI_Finalize();
    return 0;
}
