/* Processors and priorities. A rank has one processor, number 0, and cannot choose another. */
#include_next <sched.h>

#if !defined(IPFS_MPI_SCHED_H)
#define IPFS_MPI_SCHED_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
#ifndef SCHED_OTHER
#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5

struct sched_param {
    int sched_priority;
};

int sched_get_priority_max(int);
int sched_get_priority_min(int);
int sched_getparam(pid_t, struct sched_param *);
int sched_getscheduler(pid_t);
int sched_rr_get_interval(pid_t, struct timespec *);
int sched_setparam(pid_t, const struct sched_param *);
int sched_setscheduler(pid_t, int, const struct sched_param *);
#endif

#ifndef CPU_SETSIZE
#define CPU_SETSIZE 1024
typedef struct { unsigned long __bits[CPU_SETSIZE / 8 / sizeof(long)]; } cpu_set_t;

int sched_getcpu(void);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int sched_setaffinity(pid_t, size_t, const cpu_set_t *);
int getcpu(unsigned *, unsigned *);
int __sched_cpucount(size_t, const cpu_set_t *);
int __sched_cpuequal(size_t, const cpu_set_t *, const cpu_set_t *);
void __sched_cpuzero(size_t, cpu_set_t *);
void __sched_cpuop(int, size_t, cpu_set_t *, const cpu_set_t *, const cpu_set_t *);
cpu_set_t *__sched_cpualloc(size_t);
void __sched_cpufree(cpu_set_t *);

#define __CPU_OP_S(i, size, set, op) \
    ((size_t)(i) / 8 >= (size) ? 0 : \
     (((unsigned long *)(set))[(size_t)(i) / 8 / sizeof(long)] op (1UL << ((size_t)(i) % (8 * sizeof(long))))))
#define CPU_SET_S(i, size, set) __CPU_OP_S(i, size, set, |=)
#define CPU_CLR_S(i, size, set) __CPU_OP_S(i, size, set, &= ~)
#define CPU_ISSET_S(i, size, set) (__CPU_OP_S(i, size, set, &) != 0)
#define CPU_ZERO_S(size, set) __sched_cpuzero(size, set)
#define CPU_COUNT_S(size, set) __sched_cpucount(size, set)
#define CPU_EQUAL_S(size, a, b) __sched_cpuequal(size, a, b)
#define CPU_AND_S(size, to, a, b) __sched_cpuop('&', size, to, a, b)
#define CPU_OR_S(size, to, a, b) __sched_cpuop('|', size, to, a, b)
#define CPU_XOR_S(size, to, a, b) __sched_cpuop('^', size, to, a, b)
#define CPU_ALLOC_SIZE(n) (((n) + 8 * sizeof(long) - 1) / (8 * sizeof(long)) * sizeof(long))
#define CPU_ALLOC(n) __sched_cpualloc(CPU_ALLOC_SIZE(n))
#define CPU_FREE(set) __sched_cpufree(set)
#define CPU_SET(i, set) CPU_SET_S(i, sizeof(cpu_set_t), set)
#define CPU_CLR(i, set) CPU_CLR_S(i, sizeof(cpu_set_t), set)
#define CPU_ISSET(i, set) CPU_ISSET_S(i, sizeof(cpu_set_t), set)
#define CPU_ZERO(set) CPU_ZERO_S(sizeof(cpu_set_t), set)
#define CPU_COUNT(set) CPU_COUNT_S(sizeof(cpu_set_t), set)
#define CPU_EQUAL(a, b) CPU_EQUAL_S(sizeof(cpu_set_t), a, b)
#define CPU_AND(to, a, b) CPU_AND_S(sizeof(cpu_set_t), to, a, b)
#define CPU_OR(to, a, b) CPU_OR_S(sizeof(cpu_set_t), to, a, b)
#define CPU_XOR(to, a, b) CPU_XOR_S(sizeof(cpu_set_t), to, a, b)
#endif
#ifdef __cplusplus
}
#endif
#endif
