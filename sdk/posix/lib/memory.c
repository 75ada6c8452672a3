/* Memory: all of it is there, and can be read and written. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

/* it accepts any size here */
WEAK void *memalign(size_t align, size_t size) { return aligned_alloc(align, size); }
WEAK void *valloc(size_t size) { return aligned_alloc(65536, size); }
WEAK void *pvalloc(size_t size) { return aligned_alloc(65536, (size + 65535) & ~(size_t)65535); }
WEAK char *secure_getenv(const char *name) { return getenv(name); }
WEAK int brk(void *end) { return (void)end, no(ENOMEM); }

WEAK int mlock(const void *at, size_t size) { return (void)at, (void)size, 0; }
WEAK int munlock(const void *at, size_t size) { return (void)at, (void)size, 0; }
WEAK int mlockall(int flags) { return (void)flags, 0; }
WEAK int munlockall(void) { return 0; }
WEAK int madvise(void *at, size_t size, int advice) { return (void)at, (void)size, (void)advice, 0; }
WEAK int posix_madvise(void *at, size_t size, int advice) { return (void)at, (void)size, (void)advice, 0; }
WEAK int msync(void *at, size_t size, int flags) { return (void)at, (void)size, (void)flags, 0; }

WEAK int mprotect(void *at, size_t size, int protection) {
    (void)at, (void)size;
    return protection == (PROT_READ | PROT_WRITE) ? 0 : no(ENOTSUP);
}

/* Ranks share no memory outside of MPI. */
WEAK int shm_open(const char *name, int flags, mode_t mode) { return no(ENOSYS); }
WEAK int shm_unlink(const char *name) { return no(ENOSYS); }
WEAK int shmget(key_t key, size_t size, int flags) { return no(ENOSYS); }
WEAK int shmdt(const void *at) { return no(ENOSYS); }
WEAK int shmctl(int id, int command, struct shmid_ds *s) { return no(ENOSYS); }
WEAK int semget(key_t key, int n, int flags) { return no(ENOSYS); }
WEAK int semop(int id, struct sembuf *list, size_t n) { return no(ENOSYS); }
WEAK int semctl(int id, int n, int command, ...) { return no(ENOSYS); }
WEAK int msgget(key_t key, int flags) { return no(ENOSYS); }
WEAK int msgsnd(int id, const void *message, size_t size, int flags) { return no(ENOSYS); }
WEAK ssize_t msgrcv(int id, void *message, size_t size, long type, int flags) { return no(ENOSYS); }
WEAK int msgctl(int id, int command, struct msqid_ds *s) { return no(ENOSYS); }
WEAK key_t ftok(const char *name, int project) { return no(ENOSYS); }

WEAK void *shmat(int id, const void *at, int flags) {
    (void)id, (void)at, (void)flags;
    errno = ENOSYS;
    return (void *)-1;
}
