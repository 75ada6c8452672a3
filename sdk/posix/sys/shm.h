/* Shared memory of System V, which ranks do not have. A C library's own sys/shm.h takes
   precedence. */
#if __has_include_next(<sys/shm.h>)
#include_next <sys/shm.h>
#elif !defined(IPFS_MPI_SYS_SHM_H)
#define IPFS_MPI_SYS_SHM_H
#include <sys/ipc.h>
#include <time.h>
#ifdef __cplusplus
extern "C" {
#endif
#define SHM_RDONLY 010000
#define SHM_R 0400
#define SHM_W 0200

typedef unsigned long shmatt_t;
struct shmid_ds {
    struct ipc_perm shm_perm;
    size_t shm_segsz;
    time_t shm_atime, shm_dtime, shm_ctime;
    pid_t shm_cpid, shm_lpid;
    shmatt_t shm_nattch;
};

int shmget(key_t, size_t, int);
void *shmat(int, const void *, int);
int shmdt(const void *);
int shmctl(int, int, struct shmid_ds *);
#ifdef __cplusplus
}
#endif
#endif
