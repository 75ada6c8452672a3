/* Functions of POSIX that wasi-libc does not declare. */
#include_next <signal.h>

#if !defined(IPFS_MPI_SIGNAL_H) && !defined(SA_RESTART) && (defined(_POSIX_C_SOURCE) || defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE))
#define IPFS_MPI_SIGNAL_H
#define __NEED_sigset_t
#include <bits/alltypes.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SA_NOCLDSTOP 1
#define SA_RESTART 0x10000000
#define SA_NODEFER 0x40000000

struct sigaction {
    void (*sa_handler)(int);
    sigset_t sa_mask;
    int sa_flags;
};

#define IPFS_MPI_NO_SIGNALS __attribute__((__unavailable__("nothing sends a WebAssembly program signals: signal() is there for those that it raises itself")))
int sigaction(int, const struct sigaction *, struct sigaction *) IPFS_MPI_NO_SIGNALS;
int sigemptyset(sigset_t *) IPFS_MPI_NO_SIGNALS;
int sigfillset(sigset_t *) IPFS_MPI_NO_SIGNALS;
int sigaddset(sigset_t *, int) IPFS_MPI_NO_SIGNALS;

#ifdef __cplusplus
}
#endif
#endif
