/* Signals that a program raises itself. Nothing else sends it any, so a wait for one would not
   end. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

#define SIGNALS 64

static struct sigaction actions[SIGNALS + 1];
static sigset_t blocked;

static sigset_t bit(int sig) { return 1ull << (sig - 1); }

WEAK int sigemptyset(sigset_t *set) { return *set = 0, 0; }
WEAK int sigfillset(sigset_t *set) { return *set = ~0ull, 0; }

WEAK int sigaddset(sigset_t *set, int sig) {
    if (sig < 1 || sig > SIGNALS)
        return no(EINVAL);
    *set |= bit(sig);
    return 0;
}

WEAK int sigdelset(sigset_t *set, int sig) {
    if (sig < 1 || sig > SIGNALS)
        return no(EINVAL);
    *set &= ~bit(sig);
    return 0;
}

WEAK int sigismember(const sigset_t *set, int sig) {
    if (sig < 1 || sig > SIGNALS)
        return no(EINVAL);
    return (*set & bit(sig)) != 0;
}

/* deliver is the handler of every signal with an action. */
static void deliver(int sig) {
    struct sigaction a = actions[sig];
    siginfo_t info;
    if (a.sa_flags & (int)SA_RESETHAND)
        signal(sig, SIG_DFL);
    if (!(a.sa_flags & SA_SIGINFO)) {
        a.sa_handler(sig);
        return;
    }
    memset(&info, 0, sizeof info);
    info.si_signo = sig;
    info.si_pid = getpid();
    a.sa_sigaction(sig, &info, NULL);
}

WEAK int sigaction(int sig, const struct sigaction *restrict to, struct sigaction *restrict before) {
    if (sig < 1 || sig > SIGNALS || (to && (sig == SIGKILL || sig == SIGSTOP)))
        return no(EINVAL);
    if (before)
        *before = actions[sig];
    if (!to)
        return 0;
    actions[sig] = *to;
    int predefined = !(to->sa_flags & SA_SIGINFO) && (to->sa_handler == SIG_DFL || to->sa_handler == SIG_IGN);
    return signal(sig, predefined ? to->sa_handler : deliver) == SIG_ERR ? -1 : 0;
}

/* What is blocked is remembered, and a raised signal is delivered all the same. */
WEAK int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before) {
    if (before)
        *before = blocked;
    if (!set)
        return 0;
    switch (how) {
    case SIG_BLOCK:
        blocked |= *set;
        return 0;
    case SIG_UNBLOCK:
        blocked &= ~*set;
        return 0;
    case SIG_SETMASK:
        blocked = *set;
        return 0;
    }
    return no(EINVAL);
}

WEAK int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict before) {
    return sigprocmask(how, set, before) == 0 ? 0 : errno;
}

WEAK int sigpending(sigset_t *set) { return *set = 0, 0; }
WEAK int sigsuspend(const sigset_t *set) { return (void)set, no(ENOSYS); }
WEAK int sigwait(const sigset_t *restrict set, int *restrict sig) { return (void)set, (void)sig, ENOSYS; }
WEAK int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) { return (void)set, (void)info, no(ENOSYS); }

WEAK int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict t) {
    return (void)set, (void)info, (void)t, no(EAGAIN);
}

WEAK int pause(void) { return no(ENOSYS); }
WEAK int siginterrupt(int sig, int on) { return (void)sig, (void)on, 0; }
WEAK int sigaltstack(const stack_t *restrict to, stack_t *restrict before) { return (void)to, (void)before, no(ENOSYS); }
WEAK int sigignore(int sig) { return signal(sig, SIG_IGN) == SIG_ERR ? -1 : 0; }
WEAK int sighold(int sig) { return sigaddset(&blocked, sig); }
WEAK int sigrelse(int sig) { return sigdelset(&blocked, sig); }
WEAK int sigpause(int sig) { return (void)sig, no(ENOSYS); }
WEAK int sigqueue(pid_t pid, int sig, union sigval value) { return (void)value, kill(pid, sig); }
WEAK int pthread_kill(pthread_t thread, int sig) { return (void)thread, sig == 0 ? 0 : raise(sig); }

/* Timers. None runs, since none could interrupt the program. */
WEAK unsigned alarm(unsigned seconds) { return (void)seconds, 0; }
WEAK unsigned ualarm(unsigned us, unsigned interval) { return (void)us, (void)interval, 0; }

WEAK int getitimer(int which, struct itimerval *t) {
    (void)which;
    memset(t, 0, sizeof *t);
    return 0;
}

WEAK int setitimer(int which, const struct itimerval *restrict to, struct itimerval *restrict before) {
    if (before)
        getitimer(which, before);
    return to->it_value.tv_sec == 0 && to->it_value.tv_usec == 0 ? 0 : no(ENOSYS);
}

WEAK int timer_create(clockid_t clock, struct sigevent *restrict e, timer_t *restrict t) {
    return (void)clock, (void)e, (void)t, no(ENOSYS);
}

WEAK int timer_delete(timer_t t) { return (void)t, no(EINVAL); }
WEAK int timer_gettime(timer_t t, struct itimerspec *now) { return (void)t, (void)now, no(EINVAL); }

WEAK int timer_settime(timer_t t, int flags, const struct itimerspec *restrict to, struct itimerspec *restrict before) {
    return (void)t, (void)flags, (void)to, (void)before, no(EINVAL);
}

WEAK int clock_settime(clockid_t clock, const struct timespec *t) { return (void)clock, (void)t, no(EPERM); }
WEAK int settimeofday(const struct timeval *t, const struct timezone *zone) { return (void)t, (void)zone, no(EPERM); }
WEAK int adjtime(const struct timeval *t, struct timeval *before) { return (void)t, (void)before, no(EPERM); }
