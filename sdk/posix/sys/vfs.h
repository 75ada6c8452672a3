/* File systems, of which nothing is known. A C library's own sys/vfs.h takes
   precedence. */
#if __has_include_next(<sys/vfs.h>)
#include_next <sys/vfs.h>
#elif !defined(IPFS_MPI_SYS_STATFS_H)
#define IPFS_MPI_SYS_STATFS_H
#define __NEED_fsblkcnt_t
#define __NEED_fsfilcnt_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
struct statfs {
    unsigned long f_type, f_bsize;
    fsblkcnt_t f_blocks, f_bfree, f_bavail;
    fsfilcnt_t f_files, f_ffree;
    unsigned long f_namelen, f_frsize, f_flags;
};

int statfs(const char *, struct statfs *);
int fstatfs(int, struct statfs *);
#ifdef __cplusplus
}
#endif
#endif
