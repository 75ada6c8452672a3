/* Threads, for programs that need only one: locks never wait, and threads cannot be created. A C
   library's own pthread.h takes precedence. */
#if __has_include_next(<pthread.h>)
#include_next <pthread.h>
#elif !defined(IPFS_MPI_PTHREAD_H)
#define IPFS_MPI_PTHREAD_H
#include <sched.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PTHREAD_MUTEX_INITIALIZER {{{0}}}
#define PTHREAD_COND_INITIALIZER {{{0}}}
#define PTHREAD_RWLOCK_INITIALIZER {{{0}}}
#define PTHREAD_ONCE_INIT 0
#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT 0

static inline pthread_t pthread_self(void) { return (pthread_t)1; }
static inline int pthread_equal(pthread_t a, pthread_t b) { return a == b; }
static inline int pthread_once(pthread_once_t *once, void (*f)(void)) {
    if (!*once) {
        *once = 1;
        f();
    }
    return 0;
}

static inline int pthread_attr_init(pthread_attr_t *a) { (void)a; return 0; }
static inline int pthread_attr_destroy(pthread_attr_t *a) { (void)a; return 0; }
static inline int pthread_mutexattr_init(pthread_mutexattr_t *a) { (void)a; return 0; }
static inline int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type) { (void)a; (void)type; return 0; }
static inline int pthread_mutexattr_destroy(pthread_mutexattr_t *a) { (void)a; return 0; }
static inline int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a) { (void)a; (void)m; return 0; }
static inline int pthread_mutex_destroy(pthread_mutex_t *m) { (void)m; return 0; }
static inline int pthread_mutex_lock(pthread_mutex_t *m) { (void)m; return 0; }
static inline int pthread_mutex_trylock(pthread_mutex_t *m) { (void)m; return 0; }
static inline int pthread_mutex_unlock(pthread_mutex_t *m) { (void)m; return 0; }
static inline int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *a) { (void)c; (void)a; return 0; }
static inline int pthread_cond_destroy(pthread_cond_t *c) { (void)c; return 0; }
static inline int pthread_cond_signal(pthread_cond_t *c) { (void)c; return 0; }
static inline int pthread_cond_broadcast(pthread_cond_t *c) { (void)c; return 0; }
static inline int pthread_rwlockattr_init(pthread_rwlockattr_t *a) { (void)a; return 0; }
static inline int pthread_rwlockattr_destroy(pthread_rwlockattr_t *a) { (void)a; return 0; }
static inline int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *a) { (void)l; (void)a; return 0; }
static inline int pthread_rwlock_destroy(pthread_rwlock_t *l) { (void)l; return 0; }
static inline int pthread_rwlock_rdlock(pthread_rwlock_t *l) { (void)l; return 0; }
static inline int pthread_rwlock_tryrdlock(pthread_rwlock_t *l) { (void)l; return 0; }
static inline int pthread_rwlock_wrlock(pthread_rwlock_t *l) { (void)l; return 0; }
static inline int pthread_rwlock_trywrlock(pthread_rwlock_t *l) { (void)l; return 0; }
static inline int pthread_rwlock_unlock(pthread_rwlock_t *l) { (void)l; return 0; }

#define IPFS_MPI_ONE_THREAD __attribute__((__unavailable__("a WebAssembly program has one thread: start more ranks instead")))
int pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) IPFS_MPI_ONE_THREAD;
int pthread_join(pthread_t, void **) IPFS_MPI_ONE_THREAD;
int pthread_detach(pthread_t) IPFS_MPI_ONE_THREAD;
void pthread_exit(void *) IPFS_MPI_ONE_THREAD;
int pthread_cond_wait(pthread_cond_t *, pthread_mutex_t *) IPFS_MPI_ONE_THREAD;
int pthread_cond_timedwait(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) IPFS_MPI_ONE_THREAD;
int pthread_barrier_init(pthread_barrier_t *, const pthread_barrierattr_t *, unsigned) IPFS_MPI_ONE_THREAD;
int pthread_barrier_wait(pthread_barrier_t *) IPFS_MPI_ONE_THREAD;

#ifdef __cplusplus
}
#endif
#endif
