/* Functions of POSIX that wasi-libc does not declare. */
/* wasi-libc declares these as deprecated. */
#define tmpfile __ipfs_mpi_tmpfile
#define tmpnam __ipfs_mpi_tmpnam
#include_next <stdio.h>
#undef tmpfile
#undef tmpnam

#if !defined(IPFS_MPI_STDIO_H)
#define IPFS_MPI_STDIO_H
#ifdef __cplusplus
extern "C" {
#endif
#ifndef L_tmpnam
#define L_tmpnam 20
#define TMP_MAX 10000
#endif
FILE *tmpfile(void);
char *tmpnam(char *);
#if (defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE))
FILE *popen(const char *, const char *);
int pclose(FILE *);
char *ctermid(char *);
char *tempnam(const char *, const char *);
#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#endif
#ifdef __cplusplus
}
#endif
#endif
