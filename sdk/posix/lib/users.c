/* Users and groups: there is one of each, number 0, without a name. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/* A program may define these functions itself: they are weak. */
#define WEAK __attribute__((__weak__))

static int no(int why) {
    errno = why;
    return -1;
}

WEAK uid_t getuid(void) { return 0; }
WEAK uid_t geteuid(void) { return 0; }
WEAK gid_t getgid(void) { return 0; }
WEAK gid_t getegid(void) { return 0; }
WEAK int setuid(uid_t id) { return id == 0 ? 0 : no(EPERM); }
WEAK int seteuid(uid_t id) { return id == 0 ? 0 : no(EPERM); }
WEAK int setgid(gid_t id) { return id == 0 ? 0 : no(EPERM); }
WEAK int setegid(gid_t id) { return id == 0 ? 0 : no(EPERM); }
WEAK int getgroups(int n, gid_t list[]) { return (void)n, (void)list, 0; }
WEAK int setgroups(size_t n, const gid_t *list) { return (void)n, (void)list, no(EPERM); }
WEAK int initgroups(const char *user, gid_t group) { return (void)user, (void)group, no(EPERM); }

WEAK int getgrouplist(const char *user, gid_t group, gid_t *list, int *n) {
    (void)user;
    if (*n < 1) {
        *n = 1;
        return -1;
    }
    list[0] = group;
    return *n = 1;
}

WEAK char *getlogin(void) {
    errno = ENXIO;
    return NULL;
}

WEAK int getlogin_r(char *name, size_t size) { return (void)name, (void)size, ENXIO; }

/* Nobody is in the databases: that is no error. */
WEAK struct passwd *getpwuid(uid_t id) { return (void)id, NULL; }
WEAK struct passwd *getpwnam(const char *name) { return (void)name, NULL; }
WEAK struct passwd *getpwent(void) { return NULL; }
WEAK void setpwent(void) {}
WEAK void endpwent(void) {}
WEAK struct group *getgrgid(gid_t id) { return (void)id, NULL; }
WEAK struct group *getgrnam(const char *name) { return (void)name, NULL; }
WEAK struct group *getgrent(void) { return NULL; }
WEAK void setgrent(void) {}
WEAK void endgrent(void) {}

WEAK int getpwuid_r(uid_t id, struct passwd *p, char *text, size_t size, struct passwd **found) {
    (void)id, (void)p, (void)text, (void)size;
    *found = NULL;
    return 0;
}

WEAK int getpwnam_r(const char *name, struct passwd *p, char *text, size_t size, struct passwd **found) {
    (void)name, (void)p, (void)text, (void)size;
    *found = NULL;
    return 0;
}

WEAK int getgrgid_r(gid_t id, struct group *g, char *text, size_t size, struct group **found) {
    (void)id, (void)g, (void)text, (void)size;
    *found = NULL;
    return 0;
}

WEAK int getgrnam_r(const char *name, struct group *g, char *text, size_t size, struct group **found) {
    (void)name, (void)g, (void)text, (void)size;
    *found = NULL;
    return 0;
}
