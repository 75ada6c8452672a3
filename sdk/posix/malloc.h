/* Functions of Linux that wasi-libc does not declare. */
#include_next <malloc.h>

#ifndef IPFS_MPI_MALLOC_H
#define IPFS_MPI_MALLOC_H
#ifdef __cplusplus
extern "C" {
#endif
void *memalign(size_t, size_t) __asm__("aligned_alloc"); /* it accepts any size here */
#ifdef __cplusplus
}
#endif
#endif
