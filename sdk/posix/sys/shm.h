/* Shared memory of System V. A C library's own sys/shm.h takes precedence. */
#if __has_include_next(<sys/shm.h>)
#include_next <sys/shm.h>
#elif !defined(IPFS_MPI_SYS_SHM_H)
#define IPFS_MPI_SYS_SHM_H
#include <sys/ipc.h>

int shmget(key_t, size_t, int) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
void *shmat(int, const void *, int) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
int shmdt(const void *) __attribute__((__unavailable__("a WebAssembly program is one process: start more ranks instead")));
#endif
