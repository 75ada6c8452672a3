/* In the place of wasi-libc's: getrusage is that of a larger struct rusage. */
#ifndef __wasilibc___header_sys_resource_h
#define __wasilibc___header_sys_resource_h
#include <__struct_rusage.h>

#define RUSAGE_SELF 0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD 1
#ifdef __cplusplus
extern "C" {
#endif
int getrusage(int, struct rusage *) __asm__("ipfs_mpi_getrusage");
#ifdef __cplusplus
}
#endif
#endif
