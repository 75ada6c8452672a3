/* Clocks and timers of POSIX that wasi-libc does not declare. */
#include_next <time.h>

#if !defined(IPFS_MPI_TIME_H) && (defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE))
#define IPFS_MPI_TIME_H
#define __NEED_timer_t
#define __NEED_clockid_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
#ifndef CLOCK_MONOTONIC_RAW
#define CLOCK_MONOTONIC_RAW CLOCK_MONOTONIC
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#define CLOCK_REALTIME_COARSE CLOCK_REALTIME
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif

struct sigevent;
int clock_settime(clockid_t, const struct timespec *);
int timer_create(clockid_t, struct sigevent *__restrict, timer_t *__restrict);
int timer_delete(timer_t);
int timer_settime(timer_t, int, const struct itimerspec *__restrict, struct itimerspec *__restrict);
int timer_gettime(timer_t, struct itimerspec *);
#ifdef __cplusplus
}
#endif
#endif
