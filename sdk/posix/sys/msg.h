/* Message queues of System V, which ranks do not have. A C library's own sys/msg.h takes
   precedence. */
#if __has_include_next(<sys/msg.h>)
#include_next <sys/msg.h>
#elif !defined(IPFS_MPI_SYS_MSG_H)
#define IPFS_MPI_SYS_MSG_H
#include <sys/ipc.h>
#ifdef __cplusplus
extern "C" {
#endif
struct msqid_ds {
    struct ipc_perm msg_perm;
    unsigned long msg_qnum, msg_qbytes;
};

int msgget(key_t, int);
int msgsnd(int, const void *, size_t, int);
ssize_t msgrcv(int, void *, size_t, long, int);
int msgctl(int, int, struct msqid_ds *);
#ifdef __cplusplus
}
#endif
#endif
