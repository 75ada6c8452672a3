/* Functions of POSIX that wasi-libc does not declare. */
#include_next <sys/mman.h>

#if !defined(IPFS_MPI_SYS_MMAN_H)
#define IPFS_MPI_SYS_MMAN_H
#ifdef __cplusplus
extern "C" {
#endif
int mlock(const void *, size_t);
int munlock(const void *, size_t);
int mlockall(int);
int munlockall(void);
int mprotect(void *, size_t, int);
int msync(void *, size_t, int);
int madvise(void *, size_t, int);
int posix_madvise(void *, size_t, int);
int shm_open(const char *, int, mode_t);
int shm_unlink(const char *);
#ifndef MCL_CURRENT
#define MCL_CURRENT 1
#define MCL_FUTURE 2
#endif
#ifdef __cplusplus
}
#endif
#endif
