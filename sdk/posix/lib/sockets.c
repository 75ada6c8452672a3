/* Sockets, which programs cannot open, and host names, of which none is known. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

WEAK int h_errno;

WEAK int socket(int domain, int type, int protocol) { return no(ENOSYS); }
WEAK int socketpair(int domain, int type, int protocol, int fd[2]) { return no(ENOSYS); }
WEAK int getifaddrs(struct ifaddrs **list) { return no(ENOSYS); }
WEAK int bind(int fd, const struct sockaddr *address, socklen_t size) { return no(ENOTSOCK); }
WEAK int listen(int fd, int backlog) { return no(ENOTSOCK); }
WEAK int connect(int fd, const struct sockaddr *address, socklen_t size) { return no(ENOTSOCK); }
WEAK int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict size) { return no(ENOTSOCK); }
WEAK int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict size) { return no(ENOTSOCK); }
WEAK int setsockopt(int fd, int level, int option, const void *value, socklen_t size) { return no(ENOTSOCK); }
WEAK ssize_t sendto(int fd, const void *data, size_t n, int flags, const struct sockaddr *address, socklen_t size) { return no(ENOTSOCK); }
WEAK ssize_t recvfrom(int fd, void *restrict data, size_t n, int flags, struct sockaddr *restrict address, socklen_t *restrict size) { return no(ENOTSOCK); }
WEAK ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return no(ENOTSOCK); }
WEAK ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return no(ENOTSOCK); }

WEAK void freeifaddrs(struct ifaddrs *list) { (void)list; }

WEAK struct hostent *gethostbyname(const char *name) {
    (void)name;
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

WEAK struct hostent *gethostbyaddr(const void *address, socklen_t size, int family) {
    (void)address, (void)size, (void)family;
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

WEAK struct servent *getservbyname(const char *name, const char *protocol) { return (void)name, (void)protocol, NULL; }
WEAK struct protoent *getprotobyname(const char *name) { return (void)name, NULL; }

WEAK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    (void)node, (void)service, (void)hints, (void)list;
    return EAI_FAIL;
}

WEAK void freeaddrinfo(struct addrinfo *list) { (void)list; }

WEAK int getnameinfo(const struct sockaddr *address, socklen_t size, char *node, socklen_t nodes, char *service, socklen_t services, int flags) {
    (void)address, (void)size, (void)node, (void)nodes, (void)service, (void)services, (void)flags;
    return EAI_FAIL;
}

WEAK const char *gai_strerror(int code) { return code ? "WebAssembly programs have no network" : "success"; }
WEAK const char *hstrerror(int code) { return code ? "WebAssembly programs have no network" : "success"; }
WEAK void herror(const char *text) { fprintf(stderr, "%s: %s\n", text, hstrerror(h_errno)); }

WEAK in_addr_t inet_addr(const char *text) {
    struct in_addr a;
    return inet_aton(text, &a) ? a.s_addr : (in_addr_t)-1;
}

WEAK char *inet_ntoa(struct in_addr a) {
    static char text[16];
    const unsigned char *b = (const unsigned char *)&a;
    snprintf(text, sizeof text, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]);
    return text;
}
