/* Locks of files: fcntl does not know them. */
#include_next <fcntl.h>

#if !defined(IPFS_MPI_FCNTL_H)
#define IPFS_MPI_FCNTL_H
#define __NEED_pid_t
#define __NEED_off_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
#ifndef F_SETLK
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#endif
#ifndef F_DUPFD
#define F_DUPFD 0
#endif
#ifdef __cplusplus
}
#endif
#endif
