/* Semaphores of System V, which ranks do not have. A C library's own sys/sem.h takes
   precedence. */
#if __has_include_next(<sys/sem.h>)
#include_next <sys/sem.h>
#elif !defined(IPFS_MPI_SYS_SEM_H)
#define IPFS_MPI_SYS_SEM_H
#include <sys/ipc.h>
#ifdef __cplusplus
extern "C" {
#endif
#define SEM_UNDO 0x1000
#define GETVAL 12
#define GETALL 13
#define SETVAL 16
#define SETALL 17

struct sembuf {
    unsigned short sem_num;
    short sem_op, sem_flg;
};

int semget(key_t, int, int);
int semop(int, struct sembuf *, size_t);
int semctl(int, int, int, ...);
#ifdef __cplusplus
}
#endif
#endif
