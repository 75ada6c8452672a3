/* Keys of System V IPC. A C library's own sys/ipc.h takes precedence. */
#if __has_include_next(<sys/ipc.h>)
#include_next <sys/ipc.h>
#elif !defined(IPFS_MPI_SYS_IPC_H)
#define IPFS_MPI_SYS_IPC_H
#include <stddef.h>
#define __NEED_key_t
#include <bits/alltypes.h>

#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_RMID 0
#define IPC_PRIVATE ((key_t)0)
#endif
