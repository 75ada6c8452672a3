/* Processes: a WebAssembly program is one, and starts no others. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

/* There is no command processor: C17, 7.22.4.8. */
WEAK int system(const char *command) { return command ? no(ENOSYS) : 0; }

WEAK FILE *popen(const char *command, const char *mode) {
    (void)command, (void)mode;
    errno = ENOSYS;
    return NULL;
}
WEAK int pclose(FILE *f) { return no(ENOSYS); }
WEAK pid_t fork(void) { return no(ENOSYS); }
WEAK pid_t vfork(void) { return no(ENOSYS); }
WEAK int execl(const char *path, const char *arg, ...) { return no(ENOSYS); }
WEAK int execlp(const char *file, const char *arg, ...) { return no(ENOSYS); }
WEAK int execle(const char *path, const char *arg, ...) { return no(ENOSYS); }
WEAK int execv(const char *path, char *const argv[]) { return no(ENOSYS); }
WEAK int execvp(const char *file, char *const argv[]) { return no(ENOSYS); }
WEAK int execvpe(const char *file, char *const argv[], char *const env[]) { return no(ENOSYS); }
WEAK int execve(const char *path, char *const argv[], char *const env[]) { return no(ENOSYS); }
WEAK int fexecve(int fd, char *const argv[], char *const env[]) { return no(ENOSYS); }
WEAK int daemon(int nochdir, int noclose) { return no(ENOSYS); }
WEAK int prctl(int option, ...) { return no(ENOSYS); }
WEAK long syscall(long number, ...) { return no(ENOSYS); }
WEAK pid_t wait(int *status) { return no(ECHILD); }
WEAK pid_t waitpid(pid_t pid, int *status, int options) { return no(ECHILD); }
WEAK pid_t wait3(int *status, int options, struct rusage *usage) { return no(ECHILD); }
WEAK pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage) { return no(ECHILD); }

WEAK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const argv[], char *const env[]) {
    (void)pid, (void)path, (void)actions, (void)attributes, (void)argv, (void)env;
    return ENOSYS;
}

WEAK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const argv[], char *const env[]) {
    (void)pid, (void)file, (void)actions, (void)attributes, (void)argv, (void)env;
    return ENOSYS;
}

WEAK pid_t getppid(void) { return 1; }
WEAK pid_t getpgrp(void) { return getpid(); }
WEAK pid_t gettid(void) { return getpid(); }
WEAK pid_t getpgid(pid_t pid) { return pid == 0 || pid == getpid() ? getpid() : no(ESRCH); }
WEAK pid_t getsid(pid_t pid) { return pid == 0 || pid == getpid() ? getpid() : no(ESRCH); }
WEAK int setpgid(pid_t pid, pid_t group) { return (void)pid, (void)group, no(EPERM); }
WEAK pid_t setsid(void) { return no(EPERM); }
WEAK pid_t tcgetpgrp(int fd) { return (void)fd, no(ENOTTY); }
WEAK int tcsetpgrp(int fd, pid_t group) { return (void)fd, (void)group, no(ENOTTY); }

/* A program can signal itself. */
WEAK int kill(pid_t pid, int sig) {
    if (pid != 0 && pid != getpid() && pid != -getpid())
        return no(ESRCH);
    return sig == 0 ? 0 : raise(sig);
}

WEAK int killpg(pid_t group, int sig) { return kill(group, sig); }

WEAK int nice(int by) { return by == 0 ? 0 : no(EPERM); }

WEAK int getpriority(int which, id_t who) {
    (void)which, (void)who;
    return 0;
}

WEAK int setpriority(int which, id_t who, int priority) {
    (void)which, (void)who;
    return priority == 0 ? 0 : no(EACCES);
}
