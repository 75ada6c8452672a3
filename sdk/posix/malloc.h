/* Functions of Linux that wasi-libc does not declare. */
#include_next <malloc.h>

#if !defined(IPFS_MPI_MALLOC_H)
#define IPFS_MPI_MALLOC_H
#ifdef __cplusplus
extern "C" {
#endif
void *memalign(size_t, size_t);
void *valloc(size_t);
void *pvalloc(size_t);
#ifdef __cplusplus
}
#endif
#endif
