/* File systems, of which nothing is known. A C library's own sys/statvfs.h takes
   precedence. */
#if __has_include_next(<sys/statvfs.h>)
#include_next <sys/statvfs.h>
#elif !defined(IPFS_MPI_SYS_STATVFS_H)
#define IPFS_MPI_SYS_STATVFS_H
#define __NEED_fsblkcnt_t
#define __NEED_fsfilcnt_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
struct statvfs {
    unsigned long f_bsize, f_frsize;
    fsblkcnt_t f_blocks, f_bfree, f_bavail;
    fsfilcnt_t f_files, f_ffree, f_favail;
    unsigned long f_fsid, f_flag, f_namemax;
};
#define ST_RDONLY 1
#define ST_NOSUID 2

int statvfs(const char *, struct statvfs *);
int fstatvfs(int, struct statvfs *);
#ifdef __cplusplus
}
#endif
#endif
