/* What programs call of Linux and wasi-libc does not declare. */
#include_next <malloc.h>

#ifndef IPFS_MPI_MALLOC_H
#define IPFS_MPI_MALLOC_H
#ifdef __cplusplus
extern "C" {
#endif
void *memalign(size_t, size_t) __asm__("aligned_alloc"); /* which takes any size here */
#ifdef __cplusplus
}
#endif
#endif
