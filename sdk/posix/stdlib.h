/* Functions of C that wasi-libc does not declare. */
#include_next <stdlib.h>

#ifndef IPFS_MPI_STDLIB_H
#define IPFS_MPI_STDLIB_H
#ifdef __cplusplus
extern "C" {
#endif
int system(const char *) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
#ifdef __cplusplus
}
#endif
#endif
