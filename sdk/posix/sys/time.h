/* Timers, which cannot interrupt a program. */
#include_next <sys/time.h>

#if !defined(IPFS_MPI_SYS_TIME_H) && !defined(ITIMER_REAL)
#define IPFS_MPI_SYS_TIME_H
#ifdef __cplusplus
extern "C" {
#endif
#define ITIMER_REAL 0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF 2

struct itimerval {
    struct timeval it_interval, it_value;
};

int getitimer(int, struct itimerval *);
int setitimer(int, const struct itimerval *__restrict, struct itimerval *__restrict);
#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
int settimeofday(const struct timeval *, const struct timezone *);
int adjtime(const struct timeval *, struct timeval *);
#endif
#ifdef __cplusplus
}
#endif
#endif
