/* Locks of files, which nobody else has open. */
#include_next <sys/file.h>
#ifndef IPFS_MPI_SYS_FILE_H
#define IPFS_MPI_SYS_FILE_H
#include <unistd.h>
#ifndef LOCK_SH
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8
#endif
#ifdef __cplusplus
extern "C" {
#endif
int flock(int, int);
#ifdef __cplusplus
}
#endif
#endif
