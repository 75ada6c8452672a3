/* What programs call of POSIX and wasi-libc does not declare. */
#include_next <unistd.h>

#ifndef IPFS_MPI_UNISTD_H
#define IPFS_MPI_UNISTD_H
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The name of the node, as MPI_Get_processor_name gives it too. */
#define gethostname ipfs_mpi_gethostname
static inline int gethostname(char *name, size_t size) {
    const char *host = getenv("MPI_HOST");
    if (!host)
        host = "localhost";
    if (size == 0)
        return -1;
    strncpy(name, host, size - 1);
    name[size - 1] = 0;
    return 0;
}

static inline pid_t getppid(void) { return 1; }
static inline uid_t getuid(void) { return 0; }
static inline uid_t geteuid(void) { return 0; }
static inline gid_t getgid(void) { return 0; }
static inline gid_t getegid(void) { return 0; }

pid_t fork(void) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
pid_t vfork(void) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execl(const char *, const char *, ...) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execlp(const char *, const char *, ...) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execv(const char *, char *const[]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execvp(const char *, char *const[]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int execve(const char *, char *const[], char *const[]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int pipe(int[2]) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
unsigned alarm(unsigned) __attribute__((__unavailable__("nothing interrupts a WebAssembly program: compare MPI_Wtime() instead")));

#ifdef __cplusplus
}
#endif
#endif
