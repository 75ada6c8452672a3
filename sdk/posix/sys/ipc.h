/* Keys of System V IPC. A C library's own sys/ipc.h takes
   precedence. */
#if __has_include_next(<sys/ipc.h>)
#include_next <sys/ipc.h>
#elif !defined(IPFS_MPI_SYS_IPC_H)
#define IPFS_MPI_SYS_IPC_H
#include <stddef.h>
#include <sys/types.h>
#define __NEED_key_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_NOWAIT 04000
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_STAT 2
#define IPC_PRIVATE ((key_t)0)

struct ipc_perm {
    key_t __key;
    uid_t uid, cuid;
    gid_t gid, cgid;
    mode_t mode;
};

key_t ftok(const char *, int);
#ifdef __cplusplus
}
#endif
#endif
