/* Child processes, which programs cannot have. A C library's own sys/wait.h takes precedence. */
#if __has_include_next(<sys/wait.h>)
#include_next <sys/wait.h>
#elif !defined(IPFS_MPI_SYS_WAIT_H)
#define IPFS_MPI_SYS_WAIT_H
#include <sys/types.h>

#define WNOHANG 1
#define WUNTRACED 2
#define WEXITSTATUS(status) (((status) & 0xff00) >> 8)
#define WTERMSIG(status) ((status) & 0x7f)
#define WIFEXITED(status) (!WTERMSIG(status))
#define WIFSIGNALED(status) (WTERMSIG(status) != 0)

pid_t wait(int *) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
pid_t waitpid(pid_t, int *, int) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
#endif
