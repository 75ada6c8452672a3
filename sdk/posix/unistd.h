/* Functions of POSIX that wasi-libc does not declare. */
#include_next <unistd.h>

#if !defined(IPFS_MPI_UNISTD_H)
#define IPFS_MPI_UNISTD_H
#ifdef __cplusplus
extern "C" {
#endif
/* The name of the node, which MPI_Get_processor_name returns too. */
int gethostname(char *, size_t);
int sethostname(const char *, size_t);
int getdomainname(char *, size_t);
long gethostid(void);

pid_t getppid(void);
pid_t getpgrp(void);
pid_t getpgid(pid_t);
int setpgid(pid_t, pid_t);
pid_t setsid(void);
pid_t getsid(pid_t);
pid_t tcgetpgrp(int);
int tcsetpgrp(int, pid_t);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int setuid(uid_t);
int seteuid(uid_t);
int setgid(gid_t);
int setegid(gid_t);
int getgroups(int, gid_t[]);
char *getlogin(void);
int getlogin_r(char *, size_t);

pid_t fork(void);
pid_t vfork(void);
int execl(const char *, const char *, ...);
int execlp(const char *, const char *, ...);
int execle(const char *, const char *, ...);
int execv(const char *, char *const[]);
int execvp(const char *, char *const[]);
int execve(const char *, char *const[], char *const[]);
int fexecve(int, char *const[], char *const[]);
int daemon(int, int);
int nice(int);
int pipe(int[2]);
int dup(int);
int dup2(int, int);
unsigned alarm(unsigned);
unsigned ualarm(unsigned, unsigned);
int pause(void);
void sync(void);
int lockf(int, int, off_t);
int chown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
int fchdir(int);
int chroot(const char *);
char *ttyname(int);
int ttyname_r(int, char *, size_t);
#if defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
int getpagesize(void); /* the page size of WebAssembly */
int brk(void *);
long syscall(long, ...);
#endif
#if defined(_GNU_SOURCE)
int pipe2(int[2], int);
int dup3(int, int, int);
int execvpe(const char *, char *const[], char *const[]);
char *get_current_dir_name(void);
pid_t gettid(void);
#endif
#ifndef F_LOCK
#define F_ULOCK 0
#define F_LOCK 1
#define F_TLOCK 2
#define F_TEST 3
#endif
#ifdef __cplusplus
}
#endif
#endif
