/* Functions of POSIX that wasi-libc does not declare. */
#include_next <arpa/inet.h>

#if !defined(IPFS_MPI_ARPA_INET_H)
#define IPFS_MPI_ARPA_INET_H
#ifdef __cplusplus
extern "C" {
#endif
in_addr_t inet_addr(const char *);
char *inet_ntoa(struct in_addr);
#ifdef __cplusplus
}
#endif
#endif
