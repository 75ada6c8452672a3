/* Functions of POSIX that wasi-libc does not declare. */
#include_next <unistd.h>

#ifndef IPFS_MPI_UNISTD_H
#define IPFS_MPI_UNISTD_H
#ifdef __cplusplus
extern "C" {
#endif

/* getenv under another name: a program that does not include stdlib.h may define random itself. */
char *ipfs_mpi_getenv(const char *) __asm__("getenv");

/* The name of the node, which MPI_Get_processor_name returns too. */
#define gethostname ipfs_mpi_gethostname
static inline int gethostname(char *name, size_t size) {
    const char *host = ipfs_mpi_getenv("MPI_HOST");
    if (!host)
        host = "localhost";
    if (size == 0)
        return -1;
    __builtin_strncpy(name, host, size - 1);
    name[size - 1] = 0;
    return 0;
}

static inline pid_t getppid(void) { return 1; }
static inline uid_t getuid(void) { return 0; }
static inline uid_t geteuid(void) { return 0; }
static inline gid_t getgid(void) { return 0; }
static inline gid_t getegid(void) { return 0; }
#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
static inline int getpagesize(void) { return 65536; } /* the page size of WebAssembly */
#endif

pid_t fork(void) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
pid_t vfork(void) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execl(const char *, const char *, ...) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execlp(const char *, const char *, ...) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execv(const char *, char *const[]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execvp(const char *, char *const[]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execve(const char *, char *const[], char *const[]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int pipe(int[2]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int dup(int) __attribute__((__unavailable__("WASI has no second descriptor of a file: open the file again instead")));
int dup2(int, int) __attribute__((__unavailable__("WASI has no second descriptor of a file: freopen() redirects a stream")));
unsigned alarm(unsigned) __attribute__((__unavailable__("nothing interrupts a WebAssembly program: compare MPI_Wtime() instead")));

#ifdef __cplusplus
}
#endif
#endif
