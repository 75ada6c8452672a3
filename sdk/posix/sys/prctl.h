/* Settings of a process on Linux. A C library's own sys/prctl.h takes
   precedence. */
#if __has_include_next(<sys/prctl.h>)
#include_next <sys/prctl.h>
#elif !defined(IPFS_MPI_SYS_PRCTL_H)
#define IPFS_MPI_SYS_PRCTL_H
#ifdef __cplusplus
extern "C" {
#endif
#define PR_SET_PDEATHSIG 1
#define PR_SET_NAME 15
#define PR_GET_NAME 16

int prctl(int, ...);
#ifdef __cplusplus
}
#endif
#endif
