/*
 * check.h: what the conformance programs share. A program consists of parts. In a part every rank
 * checks what it sees. At its end rank 0 prints "ok", or the first complaint of each rank, in rank
 * order.
 */
#ifndef CHECK_H
#define CHECK_H

#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { complaint_size = 400 };

static int rank, size, failed;
static char complaint[complaint_size]; /* the first of the part, or empty */

static inline void check(int ok, const char *what, int line) {
    if (!ok && complaint[0] == 0)
        snprintf(complaint, sizeof complaint, "line %d: %s", line, what);
}

/* CHECK records a complaint if the condition is false. */
#define CHECK(cond) check((cond) ? 1 : 0, #cond, __LINE__)
/* OK is for calls that must return MPI_SUCCESS. */
#define OK(call) check((call) == MPI_SUCCESS, #call, __LINE__)
/* FAILS is for calls that must return an error of the class. */
#define FAILS(call, class)                                                                                                              \
    do {                                                                                                                                \
        int code_ = (call), class_ = MPI_SUCCESS;                                                                                       \
        MPI_Error_class(code_, &class_);                                                                                                \
        check(class_ == (class), #call " fails with " #class, __LINE__);                                                                \
    } while (0)

static inline void begin(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
}

/* part ends a part: every rank calls it. No rank begins the next part before all have ended this
   one, because a receive from any source could match a message of the next. */
static inline void part(const char *name) {
    char *all = malloc((size_t)size * complaint_size);
    MPI_Gather(complaint, complaint_size, MPI_CHAR, all, complaint_size, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        int bad = 0;
        for (int r = 0; r < size; r++)
            bad += all[r * complaint_size] != 0;
        printf("%s: %s\n", name, bad ? "FAILED" : "ok");
        for (int r = 0; r < size; r++)
            if (all[r * complaint_size])
                printf("  rank %d: %s\n", r, all + r * complaint_size);
        fflush(stdout);
        failed += bad;
    }
    complaint[0] = 0;
    free(all);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* end is the result of main. */
static inline int end(void) {
    MPI_Bcast(&failed, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Finalize();
    return failed ? 1 : 0;
}

#endif
