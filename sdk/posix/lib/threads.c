/* Threads: there is one. Locks never wait, and what would wait for another thread ends the
   program. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

/* never ends a program that would hang: no other thread can end its wait. */
static _Noreturn void never(const char *function) {
    fprintf(stderr, "%s: a WebAssembly program has one thread, which would wait for ever: start more ranks instead\n", function);
    abort();
}

WEAK pthread_t pthread_self(void) { return (pthread_t)1; }
WEAK int pthread_equal(pthread_t a, pthread_t b) { return a == b; }

WEAK int pthread_create(pthread_t *thread, const pthread_attr_t *a, void *(*run)(void *), void *argument) {
    (void)thread, (void)a, (void)run, (void)argument;
    return EAGAIN;
}

WEAK int pthread_join(pthread_t thread, void **result) { return (void)result, thread == pthread_self() ? EDEADLK : ESRCH; }
WEAK int pthread_detach(pthread_t thread) { return thread == pthread_self() ? 0 : ESRCH; }
WEAK int pthread_cancel(pthread_t thread) { return (void)thread, ESRCH; }
WEAK _Noreturn void pthread_exit(void *result) { (void)result, exit(0); }

WEAK int pthread_setcancelstate(int state, int *before) {
    (void)state;
    if (before)
        *before = PTHREAD_CANCEL_ENABLE;
    return 0;
}

WEAK int pthread_setcanceltype(int type, int *before) {
    (void)type;
    if (before)
        *before = PTHREAD_CANCEL_DEFERRED;
    return 0;
}

WEAK void pthread_testcancel(void) {}
WEAK int pthread_atfork(void (*a)(void), void (*b)(void), void (*c)(void)) { return (void)a, (void)b, (void)c, 0; }
WEAK int pthread_setconcurrency(int n) { return (void)n, 0; }
WEAK int pthread_getconcurrency(void) { return 0; }
WEAK int pthread_setname_np(pthread_t thread, const char *name) { return (void)thread, (void)name, 0; }
WEAK int pthread_yield(void) { return 0; }

WEAK int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set) {
    (void)thread;
    return sched_getaffinity(0, size, set) == 0 ? 0 : errno;
}

WEAK int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set) {
    (void)thread;
    return sched_setaffinity(0, size, set) == 0 ? 0 : errno;
}

WEAK int pthread_once(pthread_once_t *once, void (*run)(void)) {
    if (!*once) {
        *once = 1;
        run();
    }
    return 0;
}

/* Values of threads. */
#define KEYS 128

static const void *values[KEYS];
static char used[KEYS];

WEAK int pthread_key_create(pthread_key_t *key, void (*destroy)(void *)) {
    (void)destroy; /* the thread ends with the program */
    for (pthread_key_t i = 0; i < KEYS; i++) {
        if (!used[i]) {
            used[i] = 1;
            values[i] = NULL;
            *key = i;
            return 0;
        }
    }
    return EAGAIN;
}

WEAK int pthread_key_delete(pthread_key_t key) {
    if (key >= KEYS || !used[key])
        return EINVAL;
    used[key] = 0;
    return 0;
}

WEAK int pthread_setspecific(pthread_key_t key, const void *value) {
    if (key >= KEYS || !used[key])
        return EINVAL;
    values[key] = value;
    return 0;
}

WEAK void *pthread_getspecific(pthread_key_t key) { return key < KEYS && used[key] ? (void *)values[key] : NULL; }

WEAK int pthread_attr_init(pthread_attr_t *a) { return memset(a, 0, sizeof *a), 0; }
WEAK int pthread_attr_destroy(pthread_attr_t *a) { return (void)a, 0; }
WEAK int pthread_attr_setdetachstate(pthread_attr_t *a, int state) { return (void)a, (void)state, 0; }
WEAK int pthread_attr_getdetachstate(const pthread_attr_t *a, int *state) { return (void)a, *state = PTHREAD_CREATE_JOINABLE, 0; }
WEAK int pthread_attr_setstacksize(pthread_attr_t *a, size_t size) { return (void)a, (void)size, 0; }
WEAK int pthread_attr_getstacksize(const pthread_attr_t *a, size_t *size) { return (void)a, *size = 8 << 20, 0; }
WEAK int pthread_attr_setscope(pthread_attr_t *a, int scope) { return (void)a, (void)scope, 0; }
WEAK int pthread_mutexattr_init(pthread_mutexattr_t *a) { return a->__attr = 0, 0; }
WEAK int pthread_mutexattr_destroy(pthread_mutexattr_t *a) { return (void)a, 0; }
WEAK int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type) { return a->__attr = (unsigned)type, 0; }
WEAK int pthread_mutexattr_gettype(const pthread_mutexattr_t *a, int *type) { return *type = (int)a->__attr, 0; }
WEAK int pthread_mutexattr_setpshared(pthread_mutexattr_t *a, int shared) { return (void)a, shared ? ENOTSUP : 0; }
WEAK int pthread_condattr_init(pthread_condattr_t *a) { return (void)a, 0; }
WEAK int pthread_condattr_destroy(pthread_condattr_t *a) { return (void)a, 0; }
WEAK int pthread_condattr_setpshared(pthread_condattr_t *a, int shared) { return (void)a, shared ? ENOTSUP : 0; }
WEAK int pthread_rwlockattr_init(pthread_rwlockattr_t *a) { return (void)a, 0; }
WEAK int pthread_rwlockattr_destroy(pthread_rwlockattr_t *a) { return (void)a, 0; }

WEAK int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a) { return (void)a, memset(m, 0, sizeof *m), 0; }
WEAK int pthread_mutex_destroy(pthread_mutex_t *m) { return (void)m, 0; }
WEAK int pthread_mutex_lock(pthread_mutex_t *m) { return (void)m, 0; }
WEAK int pthread_mutex_trylock(pthread_mutex_t *m) { return (void)m, 0; }
WEAK int pthread_mutex_unlock(pthread_mutex_t *m) { return (void)m, 0; }
WEAK int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *a) { return (void)a, memset(c, 0, sizeof *c), 0; }
WEAK int pthread_cond_destroy(pthread_cond_t *c) { return (void)c, 0; }
WEAK int pthread_cond_signal(pthread_cond_t *c) { return (void)c, 0; }
WEAK int pthread_cond_broadcast(pthread_cond_t *c) { return (void)c, 0; }
WEAK int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { (void)c, (void)m, never("pthread_cond_wait"); }

WEAK int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until) {
    return (void)c, (void)m, (void)until, ETIMEDOUT;
}

WEAK int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *a) { return (void)a, memset(l, 0, sizeof *l), 0; }
WEAK int pthread_rwlock_destroy(pthread_rwlock_t *l) { return (void)l, 0; }
WEAK int pthread_rwlock_rdlock(pthread_rwlock_t *l) { return (void)l, 0; }
WEAK int pthread_rwlock_tryrdlock(pthread_rwlock_t *l) { return (void)l, 0; }
WEAK int pthread_rwlock_wrlock(pthread_rwlock_t *l) { return (void)l, 0; }
WEAK int pthread_rwlock_trywrlock(pthread_rwlock_t *l) { return (void)l, 0; }
WEAK int pthread_rwlock_unlock(pthread_rwlock_t *l) { return (void)l, 0; }
WEAK int pthread_spin_init(pthread_spinlock_t *l, int shared) { return (void)shared, *l = 0, 0; }
WEAK int pthread_spin_destroy(pthread_spinlock_t *l) { return (void)l, 0; }
WEAK int pthread_spin_lock(pthread_spinlock_t *l) { return (void)l, 0; }
WEAK int pthread_spin_trylock(pthread_spinlock_t *l) { return (void)l, 0; }
WEAK int pthread_spin_unlock(pthread_spinlock_t *l) { return (void)l, 0; }

WEAK int pthread_barrier_init(pthread_barrier_t *b, const pthread_barrierattr_t *a, unsigned n) {
    (void)a;
    memset(b, 0, sizeof *b);
    memcpy(b, &n, sizeof n);
    return n == 0 ? EINVAL : 0;
}

WEAK int pthread_barrier_destroy(pthread_barrier_t *b) { return (void)b, 0; }

WEAK int pthread_barrier_wait(pthread_barrier_t *b) {
    unsigned n;
    memcpy(&n, b, sizeof n);
    if (n > 1)
        never("pthread_barrier_wait");
    return PTHREAD_BARRIER_SERIAL_THREAD;
}

/* Semaphores. */
WEAK int sem_init(sem_t *s, int shared, unsigned value) {
    (void)shared;
    s->__val[0] = (int)value;
    return 0;
}

WEAK int sem_destroy(sem_t *s) { return (void)s, 0; }
WEAK int sem_post(sem_t *s) { return s->__val[0]++, 0; }
WEAK int sem_getvalue(sem_t *restrict s, int *restrict value) { return *value = s->__val[0], 0; }

WEAK int sem_trywait(sem_t *s) {
    if (s->__val[0] == 0)
        return no(EAGAIN);
    s->__val[0]--;
    return 0;
}

WEAK int sem_timedwait(sem_t *restrict s, const struct timespec *restrict until) {
    (void)until;
    return sem_trywait(s) == 0 ? 0 : no(ETIMEDOUT);
}

WEAK int sem_wait(sem_t *s) {
    if (sem_trywait(s) != 0)
        never("sem_wait");
    return 0;
}

WEAK sem_t *sem_open(const char *name, int flags, ...) {
    (void)name, (void)flags;
    errno = ENOSYS;
    return SEM_FAILED;
}

WEAK int sem_close(sem_t *s) { return (void)s, no(EINVAL); }
WEAK int sem_unlink(const char *name) { return (void)name, no(ENOENT); }
