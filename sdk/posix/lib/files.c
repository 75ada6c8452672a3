/* Files: what WASI cannot do, and temporary files, which lie where a rank can write. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

WEAK int dup(int fd) { return no(ENOSYS); }
WEAK int dup2(int fd, int to) { return no(ENOSYS); }
WEAK int dup3(int fd, int to, int flags) { return no(ENOSYS); }
WEAK int pipe(int fd[2]) { return no(ENOSYS); }
WEAK int pipe2(int fd[2], int flags) { return no(ENOSYS); }
WEAK int mkfifo(const char *name, mode_t mode) { return no(ENOSYS); }
WEAK int mknod(const char *name, mode_t mode, dev_t device) { return no(ENOSYS); }
WEAK int fchdir(int fd) { return no(ENOSYS); }
WEAK int chroot(const char *dir) { return no(ENOSYS); }
WEAK int statvfs(const char *name, struct statvfs *s) { return no(ENOSYS); }
WEAK int fstatvfs(int fd, struct statvfs *s) { return no(ENOSYS); }
WEAK int statfs(const char *name, struct statfs *s) { return no(ENOSYS); }
WEAK int fstatfs(int fd, struct statfs *s) { return no(ENOSYS); }

/* Files have no modes and no owners: a change of one that there is succeeds and does nothing. */
WEAK int chmod(const char *name, mode_t mode) {
    (void)mode;
    return access(name, F_OK);
}

WEAK int fchmodat(int dir, const char *name, mode_t mode, int flags) {
    (void)mode, (void)flags;
    return faccessat(dir, name, F_OK, 0);
}

WEAK int chown(const char *name, uid_t user, gid_t group) {
    (void)user, (void)group;
    return access(name, F_OK);
}

WEAK int lchown(const char *name, uid_t user, gid_t group) { return chown(name, user, group); }

static int open_file(int fd) {
    struct stat s;
    return fstat(fd, &s);
}

WEAK int fchmod(int fd, mode_t mode) { return (void)mode, open_file(fd); }
WEAK int fchown(int fd, uid_t user, gid_t group) { return (void)user, (void)group, open_file(fd); }

WEAK mode_t umask(mode_t mask) {
    static mode_t now = 022;
    mode_t before = now;
    now = mask & 0777;
    return before;
}

/* Nobody else has a rank's files open: a lock is there at once. */
WEAK int flock(int fd, int operation) { return (void)operation, open_file(fd); }
WEAK int lockf(int fd, int command, off_t size) { return (void)command, (void)size, open_file(fd); }
WEAK void sync(void) {}

WEAK char *ttyname(int fd) {
    (void)fd;
    errno = ENOTTY;
    return NULL;
}

WEAK int ttyname_r(int fd, char *name, size_t size) { return (void)fd, (void)name, (void)size, ENOTTY; }

WEAK char *ctermid(char *name) {
    static char none[1];
    if (!name)
        name = none;
    *name = 0;
    return name;
}

WEAK char *realpath(const char *restrict name, char *restrict resolved) {
    char path[PATH_MAX], *out = path;
    if (!name || !*name) {
        errno = name ? ENOENT : EINVAL;
        return NULL;
    }
    if (access(name, F_OK) != 0)
        return NULL;
    if (*name != '/' && !getcwd(path, sizeof path / 2))
        return NULL;
    out = *name == '/' ? path : path + strlen(path);
    if (strlen(name) + (size_t)(out - path) + 2 > sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    if (out > path && out[-1] == '/')
        out--;
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (out > path && *--out != '/')
                ;
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            *out++ = '/';
            memcpy(out, p, n);
            out += n;
        }
        p += n;
        p += *p == '/';
    }
    if (out == path)
        *out++ = '/';
    *out = 0;
    return resolved ? strcpy(resolved, path) : strdup(path);
}

WEAK char *get_current_dir_name(void) { return getcwd(NULL, 0); }

/* Temporary files. Names are tried until there is none of the name. */
static char *letters(char *at) {
    static unsigned long long state;
    if (state == 0) {
        struct timespec t = {0, 0};
        clock_gettime(CLOCK_REALTIME, &t);
        state = (unsigned long long)t.tv_nsec * 65537 + (unsigned long long)t.tv_sec;
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    unsigned long long v = state >> 16;
    for (int i = 0; i < 6; i++, v /= 36)
        at[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
    return at;
}

static char *pattern(char *name, int suffix) {
    size_t n = strlen(name);
    if (suffix < 0 || n < 6 + (size_t)suffix || memcmp(name + n - 6 - suffix, "XXXXXX", 6) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return name + n - 6 - suffix;
}

static int temporary(char *name, int suffix, int flags) {
    char *at = pattern(name, suffix);
    if (!at)
        return -1;
    for (int i = 0; i < 100; i++) {
        letters(at);
        int fd = open(name, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

WEAK int mkstemp(char *name) { return temporary(name, 0, 0); }
WEAK int mkostemp(char *name, int flags) { return temporary(name, 0, flags); }
WEAK int mkstemps(char *name, int suffix) { return temporary(name, suffix, 0); }

WEAK char *mkdtemp(char *name) {
    char *at = pattern(name, 0);
    for (int i = 0; at && i < 100; i++) {
        letters(at);
        if (mkdir(name, 0700) == 0)
            return name;
        if (errno != EEXIST)
            break;
    }
    return NULL;
}

WEAK char *mktemp(char *name) {
    char *at = pattern(name, 0);
    for (int i = 0; at && i < 100; i++) {
        if (access(letters(at), F_OK) != 0 && access(name, F_OK) != 0)
            return name;
    }
    *name = 0;
    return name;
}

WEAK FILE *tmpfile(void) {
    char name[] = "tmp.XXXXXX";
    int fd = mkstemp(name);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");
    if (fd >= 0 && !f)
        close(fd);
    if (fd >= 0)
        unlink(name);
    return f;
}

WEAK char *tmpnam(char *name) {
    static char own[L_tmpnam];
    return mktemp(strcpy(name ? name : own, "tmp.XXXXXX"));
}

WEAK char *tempnam(const char *dir, const char *prefix) {
    char *name = NULL;
    (void)dir;
    if (asprintf(&name, "%.5sXXXXXX", prefix ? prefix : "tmp.") < 0)
        return NULL;
    return mktemp(name);
}
