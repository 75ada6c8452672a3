/* Backtraces, which are always empty. A C library's own execinfo.h takes precedence. */
#if __has_include_next(<execinfo.h>)
#include_next <execinfo.h>
#elif !defined(IPFS_MPI_EXECINFO_H)
#define IPFS_MPI_EXECINFO_H
static inline int backtrace(void **buffer, int size) { (void)buffer; (void)size; return 0; }
static inline void backtrace_symbols_fd(void *const *buffer, int size, int fd) { (void)buffer; (void)size; (void)fd; }
static inline char **backtrace_symbols(void *const *buffer, int size) { (void)buffer; (void)size; return 0; }
#endif
