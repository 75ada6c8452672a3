/* Functions of POSIX that wasi-libc does not declare. */
#include_next <sys/stat.h>

#if !defined(IPFS_MPI_SYS_STAT_H)
#define IPFS_MPI_SYS_STAT_H
#ifdef __cplusplus
extern "C" {
#endif
int chmod(const char *, mode_t);
int fchmod(int, mode_t);
int fchmodat(int, const char *, mode_t, int);
mode_t umask(mode_t);
int mkfifo(const char *, mode_t);
int mknod(const char *, mode_t, dev_t);
#ifdef __cplusplus
}
#endif
#endif
