/* Macros of other C libraries. A C library's own sys/cdefs.h takes
   precedence. */
#if __has_include_next(<sys/cdefs.h>)
#include_next <sys/cdefs.h>
#elif !defined(IPFS_MPI_SYS_CDEFS_H)
#define IPFS_MPI_SYS_CDEFS_H
#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif
#ifndef __P
#define __P(args) args
#endif
#ifndef __THROW
#define __THROW
#endif
#endif
