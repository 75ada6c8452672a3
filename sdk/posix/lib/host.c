/* The machine as a program sees it: one processor, and the name of the node. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

/* The name that MPI_Get_processor_name returns too. */
WEAK int gethostname(char *name, size_t size) {
    const char *host = getenv("MPI_HOST");
    if (!host)
        host = "localhost";
    if (size == 0)
        return no(EINVAL);
    strncpy(name, host, size - 1);
    name[size - 1] = 0;
    return 0;
}

WEAK int getdomainname(char *name, size_t size) {
    if (size == 0)
        return no(EINVAL);
    *name = 0;
    return 0;
}

WEAK int sethostname(const char *name, size_t size) { return (void)name, (void)size, no(EPERM); }

WEAK long gethostid(void) {
    char name[256];
    unsigned long sum = 0;
    gethostname(name, sizeof name);
    for (char *p = name; *p; p++)
        sum = sum * 31 + (unsigned char)*p;
    return (long)(sum & 0x7fffffff);
}

WEAK int getpagesize(void) { return 65536; } /* the page size of WebAssembly */
WEAK int get_nprocs(void) { return 1; }
WEAK int get_nprocs_conf(void) { return 1; }
WEAK long get_phys_pages(void) { return (long)__builtin_wasm_memory_size(0); }
WEAK long get_avphys_pages(void) { return (long)__builtin_wasm_memory_size(0); }

WEAK int sysinfo(struct sysinfo *s) {
    struct timespec t = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    memset(s, 0, sizeof *s);
    s->uptime = (unsigned long)t.tv_sec;
    s->totalram = (unsigned long)get_phys_pages();
    s->mem_unit = 65536;
    s->procs = 1;
    return 0;
}

WEAK int getloadavg(double *load, int n) { return (void)load, (void)n, -1; }

WEAK int sched_getcpu(void) { return 0; }

WEAK int getcpu(unsigned *cpu, unsigned *node) {
    if (cpu)
        *cpu = 0;
    if (node)
        *node = 0;
    return 0;
}

WEAK int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
    if (pid != 0 && pid != getpid())
        return no(ESRCH);
    if (size < sizeof(long))
        return no(EINVAL);
    memset(set, 0, size);
    CPU_SET_S(0, size, set);
    return 0;
}

/* A set with processor 0 changes nothing. */
WEAK int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) {
    if (pid != 0 && pid != getpid())
        return no(ESRCH);
    return CPU_ISSET_S(0, size, set) ? 0 : no(EINVAL);
}

WEAK int __sched_cpucount(size_t size, const cpu_set_t *set) {
    int n = 0;
    for (size_t i = 0; i < size; i++)
        n += __builtin_popcount(((const unsigned char *)set)[i]);
    return n;
}

WEAK int __sched_cpuequal(size_t size, const cpu_set_t *a, const cpu_set_t *b) { return memcmp(a, b, size) == 0; }
WEAK void __sched_cpuzero(size_t size, cpu_set_t *set) { memset(set, 0, size); }
WEAK cpu_set_t *__sched_cpualloc(size_t size) { return calloc(1, size); }
WEAK void __sched_cpufree(cpu_set_t *set) { free(set); }

WEAK void __sched_cpuop(int op, size_t size, cpu_set_t *to, const cpu_set_t *a, const cpu_set_t *b) {
    unsigned char *t = (unsigned char *)to;
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    for (size_t i = 0; i < size; i++)
        t[i] = op == '&' ? x[i] & y[i] : op == '|' ? x[i] | y[i] : x[i] ^ y[i];
}

WEAK int sched_get_priority_max(int policy) { return (void)policy, 0; }
WEAK int sched_get_priority_min(int policy) { return (void)policy, 0; }
WEAK int sched_getscheduler(pid_t pid) { return (void)pid, SCHED_OTHER; }

WEAK int sched_getparam(pid_t pid, struct sched_param *p) {
    (void)pid;
    p->sched_priority = 0;
    return 0;
}

WEAK int sched_setparam(pid_t pid, const struct sched_param *p) { return (void)pid, p->sched_priority == 0 ? 0 : no(EPERM); }

WEAK int sched_setscheduler(pid_t pid, int policy, const struct sched_param *p) {
    (void)pid;
    return policy == SCHED_OTHER && p->sched_priority == 0 ? 0 : no(EPERM);
}

WEAK int sched_rr_get_interval(pid_t pid, struct timespec *t) { return (void)pid, (void)t, no(ENOSYS); }

/* The node sets a program's limits, and the program does not know them. */
WEAK int getrlimit(int resource, struct rlimit *limit) {
    (void)resource;
    limit->rlim_cur = limit->rlim_max = RLIM_INFINITY;
    return 0;
}

WEAK int setrlimit(int resource, const struct rlimit *limit) {
    (void)resource;
    return limit->rlim_cur == RLIM_INFINITY ? 0 : no(EPERM);
}

WEAK int prlimit(pid_t pid, int resource, const struct rlimit *to, struct rlimit *limit) {
    (void)pid;
    if (limit)
        getrlimit(resource, limit);
    return to ? setrlimit(resource, to) : 0;
}

/* Time on the clock, and the size of the memory; what nobody counts is 0. */
int getrusage(int who, struct rusage *u) {
    struct timespec t = {0, 0};
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return no(EINVAL);
    memset(u, 0, sizeof *u);
    if (who == RUSAGE_CHILDREN)
        return 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    u->ru_utime.tv_sec = t.tv_sec;
    u->ru_utime.tv_usec = t.tv_nsec / 1000;
    u->ru_maxrss = (long)__builtin_wasm_memory_size(0) * 64; /* KiB */
    return 0;
}
