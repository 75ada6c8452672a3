package cc_test

import "testing"

// What programs for clusters name of POSIX, and what it does in a sandbox.
var sandbox = []struct{ name, source, prints string }{
	{"processes", `
		#include <errno.h>
		#include <spawn.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>
		int main(void) { int s, p[2];
			printf("%d %d %d ", system(NULL), system("ls") != 0, errno == ENOSYS);
			errno = 0; printf("%d %d ", popen("ls", "r") == NULL, errno == ENOSYS);
			printf("%d%d%d%d%d ", fork(), vfork(), execlp("ls", "ls", NULL), pipe(p), dup2(1, 2));
			printf("%d %d\n", waitpid(-1, &s, WNOHANG), errno == ECHILD); return 0; }`, "0 1 1 1 1 -1-1-1-1-1 -1 1\n"},
	{"processors", `
		#define _GNU_SOURCE
		#include <sched.h>
		#include <stdio.h>
		#include <sys/sysinfo.h>
		#include <unistd.h>
		int main(void) { cpu_set_t s, o; CPU_ZERO(&s); CPU_SET(0, &s); int a = sched_setaffinity(0, sizeof s, &s);
			CPU_CLR(0, &s); CPU_SET(5, &s); int b = sched_setaffinity(0, sizeof s, &s); sched_getaffinity(0, sizeof o, &o);
			CPU_OR(&s, &s, &o);
			printf("%d %d %d %d %d %d %ld\n", a, b, CPU_COUNT(&o), CPU_COUNT(&s), CPU_ISSET(0, &o) && CPU_ISSET(5, &s), get_nprocs(), sysconf(_SC_NPROCESSORS_ONLN)); return 0; }`, "0 -1 1 2 1 1 1\n"},
	{"all of struct rusage", `
		#include <stdio.h>
		#include <sys/resource.h>
		int main(void) { struct rusage u; u.ru_nivcsw = 7; struct rlimit l;
			int r = getrusage(RUSAGE_SELF, &u), c = getrusage(RUSAGE_CHILDREN, &u) + getrlimit(RLIMIT_NOFILE, &l), e = getrusage(77, &u);
			getrusage(RUSAGE_SELF, &u);
			printf("%d %d %d %d %ld %ld\n", r, c, e, u.ru_maxrss > 0, u.ru_minflt + u.ru_majflt + u.ru_nvcsw, u.ru_nivcsw); return 0; }`, "0 0 -1 1 0 0\n"},
	{"signals that it raises", `
		#include <signal.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/time.h>
		#include <unistd.h>
		static int got, told;
		static void on(int s) { got += s == SIGUSR1; }
		static void told_of(int s, siginfo_t *i, void *c) { told += i->si_signo == s; }
		int main(void) { struct sigaction a, b; memset(&a, 0, sizeof a); a.sa_handler = on; sigemptyset(&a.sa_mask); sigaddset(&a.sa_mask, SIGTERM); a.sa_flags = SA_RESTART;
			sigaction(SIGUSR1, &a, NULL); raise(SIGUSR1); kill(getpid(), SIGUSR1);
			a.sa_sigaction = told_of; a.sa_flags = SA_SIGINFO; sigaction(SIGUSR2, &a, NULL); raise(SIGUSR2); sigaction(SIGUSR1, NULL, &b);
			struct itimerval t = {{0, 0}, {1, 0}};
			printf("%d %d %d %d %d %d %d\n", got, told, b.sa_handler == on, sigismember(&a.sa_mask, SIGTERM), sigismember(&a.sa_mask, SIGINT), setitimer(ITIMER_REAL, &t, NULL), alarm(1)); return 0; }`, "2 1 1 1 0 -1 0\n"},
	{"users", `
		#include <grp.h>
		#include <pwd.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(void) { struct passwd *p = getpwuid(getuid()); char *l = getlogin();
			printf("%s %s %d\n", p ? p->pw_name : "nobody", l ? l : "none", getgrgid(getgid()) == NULL); return 0; }`, "nobody none 1\n"},
	{"one thread", `
		#include <errno.h>
		#include <pthread.h>
		#include <semaphore.h>
		#include <stdio.h>
		static void *run(void *x) { return x; }
		static int times; static void once(void) { times++; }
		int main(void) { pthread_t t; pthread_key_t k; sem_t s; pthread_once_t o = PTHREAD_ONCE_INIT; pthread_attr_t a; pthread_attr_init(&a);
			pthread_key_create(&k, NULL); pthread_setspecific(k, &k); pthread_once(&o, once); pthread_once(&o, once); sem_init(&s, 0, 1); sem_wait(&s);
			printf("%d %d %d %d\n", pthread_create(&t, &a, run, NULL) == EAGAIN, pthread_getspecific(k) == &k, times, sem_trywait(&s)); return 0; }`, "1 1 1 -1\n"},
	{"networks, libraries, terminals", `
		#include <arpa/inet.h>
		#include <dlfcn.h>
		#include <ifaddrs.h>
		#include <netdb.h>
		#include <stdio.h>
		#include <sys/socket.h>
		#include <syslog.h>
		#include <termios.h>
		#include <unistd.h>
		int main(void) { struct addrinfo *a; struct termios t; struct in_addr in = {inet_addr("10.1.2.3")}; openlog("x", 0, LOG_USER); syslog(LOG_INFO, "%d", 1);
			printf("%d %d %d %d %d %s\n", socket(AF_INET, SOCK_STREAM, 0), gethostbyname("x") == NULL, getaddrinfo("x", "1", NULL, &a) != 0, dlopen("x", RTLD_NOW) == NULL && dlerror() != NULL, tcgetattr(0, &t), inet_ntoa(in)); return 0; }`, "-1 1 1 1 -1 10.1.2.3\n"},
	{"setjmp", `
		#include <setjmp.h>
		#include <stdio.h>
		static jmp_buf b;
		int main(int argc, char **argv) { if (setjmp(b)) return 1; if (argc > 9) longjmp(b, 1); puts("went on"); return 0; }`, "went on\n"},
	{"a main with the environment", `
		#include <stdio.h>
		#include <string.h>
		int main(int argc, char **argv, char **envp) { int n = 0; while (*envp) n += strcmp(*envp++, "MPI_HOST=node7") == 0; printf("%d %d\n", argc, n); return 0; }`, "1 1\n"},
	{"functions of its own", `
		#include <stdio.h>
		int system(const char *s) { return s[0]; }
		int fork(void) { return 5; }
		int main(void) { printf("%d %d\n", system("A"), fork()); return 0; }`, "65 5\n"},
	{"a function that is declared later", `
		#include <stdio.h>
		int main(int argc, char **argv) { printf("%d\n", twice(21)); return 0; }
		int twice(int x) { return 2 * x; }`, "42\n"},
}

func TestPOSIX(t *testing.T) {
	for _, tc := range sandbox {
		t.Run(tc.name, func(t *testing.T) {
			if code, said := compile(t, map[string]string{"book.c": tc.source}, "-w", "book.c"); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			out := execute(t, "book.wasm")
			if out.Reason != "" || string(out.Stdout) != tc.prints {
				t.Errorf("printed %q, want %q (%s %s %s)", out.Stdout, tc.prints, out.Reason, out.Detail, out.Stderr)
			}
		})
	}
}
