/* Non-local jumps: setjmp returns 0, and longjmp ends the program with a message. A C library's own
   setjmp.h takes precedence. */
#if __has_include_next(<setjmp.h>)
#include_next <setjmp.h>
#elif !defined(IPFS_MPI_SETJMP_H)
#define IPFS_MPI_SETJMP_H
#ifdef __cplusplus
extern "C" {
#endif
typedef struct { int unused; } jmp_buf[1], sigjmp_buf[1];

int setjmp(jmp_buf);
int _setjmp(jmp_buf);
int sigsetjmp(sigjmp_buf, int);
__attribute__((__noreturn__)) void longjmp(jmp_buf, int);
__attribute__((__noreturn__)) void _longjmp(jmp_buf, int);
__attribute__((__noreturn__)) void siglongjmp(sigjmp_buf, int);
#ifdef __cplusplus
}
#endif
#endif
