/* Functions of POSIX that wasi-libc does not declare. */
#include_next <sys/resource.h>

#ifndef RLIMIT_STACK
#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_NOFILE 7
#define RLIMIT_AS 9
#define RLIM_INFINITY (~0ULL)

typedef unsigned long long rlim_t;

struct rlimit {
    rlim_t rlim_cur, rlim_max;
};

static inline int getrlimit(int resource, struct rlimit *limit) {
    (void)resource;
    limit->rlim_cur = limit->rlim_max = RLIM_INFINITY;
    return 0;
}

/* The node sets a program's limits. */
static inline int setrlimit(int resource, const struct rlimit *limit) {
    (void)resource;
    (void)limit;
    return -1;
}
#endif
