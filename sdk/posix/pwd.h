/* The user database, which is empty. A C library's own pwd.h takes precedence. */
#if __has_include_next(<pwd.h>)
#include_next <pwd.h>
#elif !defined(IPFS_MPI_PWD_H)
#define IPFS_MPI_PWD_H
#include <stddef.h>
#include <sys/types.h>

struct passwd {
    char *pw_name, *pw_passwd;
    uid_t pw_uid;
    gid_t pw_gid;
    char *pw_gecos, *pw_dir, *pw_shell;
};

static inline struct passwd *getpwuid(uid_t uid) { (void)uid; return NULL; }
static inline struct passwd *getpwnam(const char *name) { (void)name; return NULL; }
#endif
