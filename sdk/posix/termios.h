/* Terminals, which programs do not have. A C library's own termios.h takes precedence. */
#if __has_include_next(<termios.h>)
#include_next <termios.h>
#elif !defined(IPFS_MPI_TERMIOS_H)
#define IPFS_MPI_TERMIOS_H
typedef unsigned tcflag_t;
typedef unsigned speed_t;
typedef unsigned char cc_t;

struct termios {
    tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
    cc_t c_cc[32];
};
#define ICANON 2
#define ECHO 8
#define TCSANOW 0

static inline int tcgetattr(int fd, struct termios *t) { (void)fd; (void)t; return -1; }
static inline int tcsetattr(int fd, int when, const struct termios *t) { (void)fd; (void)when; (void)t; return -1; }
#endif
