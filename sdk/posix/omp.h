/* OpenMP with one thread, as in a compiler that ignores its pragmas. A C library's own omp.h takes
   precedence. */
#if __has_include_next(<omp.h>)
#include_next <omp.h>
#elif !defined(IPFS_MPI_OMP_H)
#define IPFS_MPI_OMP_H
#include <wasi/api.h>

typedef int omp_lock_t;
typedef int omp_nest_lock_t;

static inline int omp_get_thread_num(void) { return 0; }
static inline int omp_get_num_threads(void) { return 1; }
static inline int omp_get_max_threads(void) { return 1; }
static inline int omp_get_num_procs(void) { return 1; }
static inline int omp_get_thread_limit(void) { return 1; }
static inline int omp_get_level(void) { return 0; }
static inline int omp_in_parallel(void) { return 0; }
static inline int omp_get_dynamic(void) { return 0; }
static inline int omp_get_nested(void) { return 0; }
static inline void omp_set_num_threads(int n) { (void)n; }
static inline void omp_set_dynamic(int on) { (void)on; }
static inline void omp_set_nested(int on) { (void)on; }
static inline void omp_init_lock(omp_lock_t *lock) { *lock = 0; }
static inline void omp_destroy_lock(omp_lock_t *lock) { (void)lock; }
static inline void omp_set_lock(omp_lock_t *lock) { *lock = 1; }
static inline void omp_unset_lock(omp_lock_t *lock) { *lock = 0; }
static inline int omp_test_lock(omp_lock_t *lock) { return *lock ? 0 : (*lock = 1); }

static inline double omp_get_wtime(void) {
    __wasi_timestamp_t t = 0; /* nanoseconds; strict C does not declare clock_gettime */
    (void)__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &t);
    return 1e-9 * (double)t;
}
static inline double omp_get_wtick(void) { return 1e-9; }
#endif
