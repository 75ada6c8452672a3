/* Lookup of host names, which always fails. A C library's own netdb.h takes precedence. */
#if __has_include_next(<netdb.h>)
#include_next <netdb.h>
#elif !defined(IPFS_MPI_NETDB_H)
#define IPFS_MPI_NETDB_H
#include <stddef.h>

struct hostent {
    char *h_name, **h_aliases;
    int h_addrtype, h_length;
    char **h_addr_list;
};
#define h_addr h_addr_list[0]

static inline struct hostent *gethostbyname(const char *name) { (void)name; return NULL; }
#endif
