/* Terminals, which programs do not have. */
#include <errno.h>
#include <string.h>
#include <termios.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

WEAK int tcgetattr(int fd, struct termios *t) { return no(ENOTTY); }
WEAK int tcsetattr(int fd, int when, const struct termios *t) { return no(ENOTTY); }
WEAK int tcflush(int fd, int queue) { return no(ENOTTY); }
WEAK int tcdrain(int fd) { return no(ENOTTY); }
WEAK int tcflow(int fd, int action) { return no(ENOTTY); }
WEAK int tcsendbreak(int fd, int duration) { return no(ENOTTY); }

WEAK void cfmakeraw(struct termios *t) {
    t->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | ISTRIP | ICRNL | IXON);
    t->c_oflag &= ~(tcflag_t)OPOST;
    t->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
}

WEAK speed_t cfgetispeed(const struct termios *t) { return t->c_ispeed; }
WEAK speed_t cfgetospeed(const struct termios *t) { return t->c_ospeed; }
WEAK int cfsetispeed(struct termios *t, speed_t speed) { return t->c_ispeed = speed, 0; }
WEAK int cfsetospeed(struct termios *t, speed_t speed) { return t->c_ospeed = speed, 0; }
