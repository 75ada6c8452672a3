/* Non-local jumps, which these programs cannot use. A C library's own setjmp.h takes precedence. */
#if __has_include_next(<setjmp.h>)
#include_next <setjmp.h>
#elif !defined(IPFS_MPI_SETJMP_H)
#define IPFS_MPI_SETJMP_H
typedef struct { int unused; } jmp_buf[1], sigjmp_buf[1];

#define IPFS_MPI_NO_JUMPS __attribute__((__unavailable__("WebAssembly cannot jump out of functions: return error codes instead")))
int setjmp(jmp_buf) IPFS_MPI_NO_JUMPS;
int sigsetjmp(sigjmp_buf, int) IPFS_MPI_NO_JUMPS;
void longjmp(jmp_buf, int) IPFS_MPI_NO_JUMPS;
void siglongjmp(sigjmp_buf, int) IPFS_MPI_NO_JUMPS;
#endif
