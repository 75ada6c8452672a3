/* Functions of C and POSIX that wasi-libc does not declare. */
#include_next <stdlib.h>

#if !defined(IPFS_MPI_STDLIB_H)
#define IPFS_MPI_STDLIB_H
#ifdef __cplusplus
extern "C" {
#endif
int system(const char *);
#if (defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE))
int mkstemp(char *);
int mkostemp(char *, int);
int mkstemps(char *, int);
char *mkdtemp(char *);
char *mktemp(char *);
char *realpath(const char *__restrict, char *__restrict);
#endif
#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
int getloadavg(double *, int);
void *valloc(size_t);
char *secure_getenv(const char *);
#endif
#ifdef __cplusplus
}
#endif
#endif
