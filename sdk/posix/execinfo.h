/* Backtraces, which are always empty. A C library's own execinfo.h takes
   precedence. */
#if __has_include_next(<execinfo.h>)
#include_next <execinfo.h>
#elif !defined(IPFS_MPI_EXECINFO_H)
#define IPFS_MPI_EXECINFO_H
#ifdef __cplusplus
extern "C" {
#endif
int backtrace(void **, int);
char **backtrace_symbols(void *const *, int);
void backtrace_symbols_fd(void *const *, int, int);
#ifdef __cplusplus
}
#endif
#endif
