/* Functions of POSIX that wasi-libc does not declare. */
#include_next <stdio.h>

#ifndef IPFS_MPI_STDIO_H
#define IPFS_MPI_STDIO_H
#ifdef __cplusplus
extern "C" {
#endif
FILE *popen(const char *, const char *) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int pclose(FILE *) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
#ifdef __cplusplus
}
#endif
#endif
