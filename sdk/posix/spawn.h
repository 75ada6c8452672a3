/* Child processes, which programs cannot have. A C library's own spawn.h takes
   precedence. */
#if __has_include_next(<spawn.h>)
#include_next <spawn.h>
#elif !defined(IPFS_MPI_SPAWN_H)
#define IPFS_MPI_SPAWN_H
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct { int unused; } posix_spawnattr_t;
typedef struct { int unused; } posix_spawn_file_actions_t;

int posix_spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]);
int posix_spawnp(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]);
#ifdef __cplusplus
}
#endif
#endif
