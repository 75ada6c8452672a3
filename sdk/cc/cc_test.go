package cc_test

import (
	"bytes"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
	"github.com/ipfs-mpi/ipfs-mpi/test/guest"
)

// TestMain gives the tests a cache of their own, which they share.
func TestMain(m *testing.M) {
	cache, err := os.MkdirTemp("", "cc-test-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_CACHE_HOME", cache)
	code := m.Run()
	os.RemoveAll(cache)
	os.Exit(code)
}

// compile runs the compiler in a directory with the given files.
func compile(t *testing.T, files map[string]string, args ...string) (code int, said string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return again(t, args...)
}

// again runs the compiler in the same directory as before.
func again(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code, err := cc.Run(t.Context(), args, false, cc.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	if err != nil {
		t.Fatal(err)
	}
	return code, out.String()
}

// execute runs a program that calls no MPI function.
func execute(t *testing.T, file string, args ...string) exec.Outcome {
	t.Helper()
	return executeWith(t, nil, file, args...)
}

// executeWith is execute with further variables of the environment.
func executeWith(t *testing.T, env []string, file string, args ...string) exec.Outcome {
	t.Helper()
	programs := guest.NewCache()
	defer programs.Close()
	p, err := programs.Load(file, func() ([]byte, error) { return os.ReadFile(file) })
	if err != nil {
		t.Fatal(err)
	}
	x := guest.Limits()
	x.Args, x.Env = append([]string{file}, args...), append([]string{"MPI_HOST=node7"}, env...)
	return p.Run(t.Context(), x)
}

// What programs in books do.
var habits = []struct{ name, source, prints string }{
	{"a local array of 4 MiB", `
		#include <stdio.h>
		int main() { double grid[512][1024]; for (int i = 0; i < 512; i++) for (int j = 0; j < 1024; j++) grid[i][j] = i + j;
			volatile int k = 511; printf("%.0f\n", grid[k][k]); return 0; }`, "1022\n"},
	{"long double", `
		#include <stdio.h>
		int main(void) { long double x = 1; sscanf("2.5", "%Lf", &x); printf("%.20Lf %Lg\n", 1.0L / 3, x); return 0; }`, "0.33333333333333333333 2.5\n"},
	{"pthread.h for a mutex", `
		#include <pthread.h>
		#include <stdio.h>
		pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; pthread_t self;
		int main(void) { pthread_mutex_lock(&lock); puts("locked"); pthread_mutex_unlock(&lock); self = pthread_self(); return 0; }`, "locked\n"},
	{"gethostname, getpid, getppid", `
		#include <stdio.h>
		#include <unistd.h>
		int main(void) { char name[80]; gethostname(name, sizeof name); printf("%s %d\n", name, getpid() > 0 && getppid() > 0); return 0; }`, "node7 1\n"},
	{"clock, time, gettimeofday, getrusage", `
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/resource.h>
		#include <sys/time.h>
		#include <sys/times.h>
		#include <time.h>
		int main(void) { struct timeval tv; struct rusage ru; struct tms tms; struct rlimit rl; gettimeofday(&tv, NULL); getrusage(RUSAGE_SELF, &ru);
			times(&tms); getrlimit(RLIMIT_STACK, &rl); srand(time(NULL)); int r = rand();
			printf("%d\n", clock() >= 0 && tv.tv_sec > 1600000000 && time(0) >= tv.tv_sec && r >= 0 && ru.ru_utime.tv_sec >= 0); return 0; }`, "1\n"},
	{"assert, getopt", `
		#include <assert.h>
		#include <getopt.h>
		#include <stdio.h>
		#include <stdlib.h>
		int main(int argc, char *argv[]) { int c, n = 0; while ((c = getopt(argc, argv, "n:")) != -1) n = atoi(optarg);
			assert(n == 5); printf("%d\n", n); return 0; }`, "5\n"},
	{"complex.h, tgmath.h", `
		#include <complex.h>
		#include <stdio.h>
		#include <tgmath.h>
		int main(void) { double complex z = (1 + 2 * I) * (3 - I); printf("%.1f %.1f %.1f\n", creal(z), cimag(z), sqrt(16.0f)); return 0; }`, "5.0 5.0 4.0\n"},
	{"signals", `
		#include <signal.h>
		#include <stdio.h>
		static void on(int s) { printf("signal %d\n", s == SIGINT); }
		int main(void) { signal(SIGINT, on); raise(SIGINT); return 0; }`, "signal 1\n"},
	{"mmap", `
		#include <stdio.h>
		#include <sys/mman.h>
		int main(void) { char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			p[65535] = 7; printf("%d\n", p[65535] + p[0]); return munmap(p, 65536); }`, "7\n"},
	{"OpenMP", `
		#include <omp.h>
		#include <stdio.h>
		int main(void) { int sum = 0;
		#pragma omp parallel for reduction(+ : sum)
			for (int i = 0; i < 10; i++) sum += i * omp_get_num_threads();
			printf("%d\n", sum); return 0; }`, "45\n"},
	{"a main without a type, and parameters declared after", `
		#include <stdio.h>
		#include <stdlib.h>
		square(x) int x; { return x * x; }
		main() { printf("%d\n", square(7)); exit(0); }`, "49\n"},
	{"uname, headers for nothing", `
		#include <malloc.h>
		#include <netdb.h>
		#include <pwd.h>
		#include <sched.h>
		#include <stdio.h>
		#include <strings.h>
		#include <sys/param.h>
		#include <sys/types.h>
		#include <sys/utsname.h>
		#include <sys/wait.h>
		#include <termios.h>
		int main(void) { struct utsname u; uname(&u); printf("%s %d\n", u.machine, sched_getcpu() + (getpwuid(0) != NULL)); return 0; }`, "wasm32 0\n"},
	{"an own index and random beside unistd.h", `
		#include <stdio.h>
		#include <unistd.h>
		int index = 2; double random = 0.5;
		int main(void) { char name[8]; gethostname(name, sizeof name); printf("%s %g\n", name, index * random); return 0; }`, "node7 1\n"},
	{"getpagesize, memalign, locks of readers and writers", `
		#include <malloc.h>
		#include <pthread.h>
		#include <stdint.h>
		#include <stdio.h>
		#include <unistd.h>
		pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
		int main(void) { char *p = memalign(4096, 100); p[99] = 7; pthread_rwlock_rdlock(&lock); pthread_rwlock_unlock(&lock);
			printf("%d %d\n", (int)((uintptr_t)p % 4096) + p[99], getpagesize() == sysconf(_SC_PAGESIZE)); return pthread_rwlock_wrlock(&lock); }`, "7 1\n"},
	{"a function's address, never that of MPI_COMM_DUP_FN", `
		#include <mpi.h>
		#include <stdio.h>
		static int f(void) { return 3; }
		int (*volatile p)(void) = f;
		int main(void) { printf("%d %d\n", p(), (long)p > (long)MPI_COMM_DUP_FN); return 0; }`, "3 1\n"},
	{"freopen in the place of dup2", `
		#include <stdio.h>
		int main(void) { freopen("log", "w", stderr); fputs("lost", stderr); fflush(stderr); puts("kept"); return 0; }`, "kept\n"},
	{"qsort, strdup, drand48", `
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		static int by(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
		int main(void) { int v[] = {3, 1, 2}; qsort(v, 3, sizeof *v, by); srand48(1); char *s = strdup("x"); double d = drand48();
			printf("%d%d%d %s %d\n", v[0], v[1], v[2], s, d >= 0 && d < 1); free(s); return 0; }`, "123 x 1\n"},
}

func TestHabits(t *testing.T) {
	for _, tc := range habits {
		t.Run(tc.name, func(t *testing.T) {
			if code, said := compile(t, map[string]string{"book.c": tc.source}, "-O3", "-march=native", "-fopenmp", "-w", "book.c", "-lm", "-lpthread"); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			out := execute(t, "book.wasm", "-n", "5")
			if out.Reason != "" || string(out.Stdout) != tc.prints {
				t.Errorf("printed %q, want %q (%s %s %s)", out.Stdout, tc.prints, out.Reason, out.Detail, out.Stderr)
			}
		})
	}
}

// What cannot work is an error of the compiler or the linker, instead of a trap in the middle of a
// job.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct{ name, source, says string }{
		{"no header, and another type", "int main(void) { return time(0) == 0; }", "cc: time is "},
		{"another type in the same source", "int main(void) { return (int)f(1); }\ndouble f(double x) { return x; }", "conflicting types"},
		{"MPI without its header", "int main(void) { return (int)MPI_Wtime(); }", "mpi.h: include the header"},
		{"declared and nowhere defined", "int nowhere(void);\nint main(void) { return nowhere(); }", "undefined symbol: nowhere"},
		{"a main that returns nothing", "void main(int argc, char **argv) { }", "return type of 'main' is not 'int'"},
		{"a main of another type", "int main(double x, char **argv, char **envp) { return 0; }", "'main'"},
		{"no MPI function", "#include <mpi.h>\nint main(void) { return MPI_Sendd(); }", "MPI_Sendd"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, flags := range []string{"", "-w -Wno-error=implicit-function-declaration -Wno-main-return-type"} {
				code, said := compile(t, map[string]string{"book.c": tc.source}, append(strings.Fields(flags), "book.c")...)
				if code == 0 || !strings.Contains(said, tc.says) {
					t.Errorf("%s: exit code %d: %s", flags, code, said)
				}
			}
			if _, err := os.Stat("book.wasm"); err == nil {
				t.Error("it left a program")
			}
		})
	}
}

func TestStackOverflowTraps(t *testing.T) {
	source := "#include <stdio.h>\nint deep(volatile int *p) { volatile int a[1024]; a[0] = *p + 1; return deep(a) + a[0]; }\nint main(void) { int x = 0; return deep(&x); }"
	if code, said := compile(t, map[string]string{"deep.c": source}, "-w", "deep.c"); code != 0 {
		t.Fatal(said)
	}
	if out := execute(t, "deep.wasm"); out.Reason != mpi.Trapped {
		t.Errorf("it ended with %q %s", out.Reason, out.Detail)
	}
}

// Each of our headers that stands in for one the C library lacks compiles in C and C++.
func TestHeaders(t *testing.T) {
	dir := "../posix"
	var all strings.Builder
	for _, pattern := range []string{"*.h", "sys/*.h"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			name, _ := filepath.Rel(dir, f)
			all.WriteString("#include <" + name + ">\n#include <" + name + ">\n")
		}
	}
	all.WriteString("#include <mpi.h>\nint main(void) { return 0; }\n")
	sdk, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var ours []string // not as system headers, so that warnings are shown
	for _, name := range []string{"posix", "mpi", "c"} {
		ours = append(ours, "-I", filepath.Join(sdk, name))
	}
	strict := append(strings.Fields("-Wall -Wextra -pedantic -Werror -Wno-gnu-include-next -fsyntax-only"), ours...)
	for _, flags := range []string{"-std=c99", "-std=gnu17"} {
		if code, said := compile(t, map[string]string{"all.c": all.String()}, append(strict, flags, "all.c")...); code != 0 || said != "" {
			t.Errorf("%s: %s", flags, said)
		}
	}
	// In C++, with the commands for C, since the C++ library may be missing.
	tools, err := cc.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	line, err := cc.Parse(append(strict, "all.c"))
	if err != nil {
		t.Fatal(err)
	}
	commands, err := tools.Commands(line, cc.Kit{Headers: sdk}, "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(t.Context(), tools.Clang, append([]string{"-x", "c++", "-std=c++17"}, commands[0]...)...)
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("C++: %v %s", err, said)
	}
}

// The cache of headers repairs itself, and is optional.
func TestCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	compile(t, heat, "mpi.c")
	cached, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "ipfs-mpi", "sdk-*", "mpi", "mpi.h"))
	if len(cached) != 1 {
		t.Fatalf("cached: %v", cached)
	}
	if err := os.Remove(cached[0]); err != nil {
		t.Fatal(err)
	}
	if code, said := again(t, "mpi.c"); code != 0 {
		t.Error(said)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("TMPDIR", t.TempDir())
	if code, said := again(t, "mpi.c"); code != 0 {
		t.Error(said)
	}
	// A home that cannot be written, as builders of packages have.
	t.Setenv("XDG_CACHE_HOME", "/proc/nothing")
	if code, said := again(t, "mpi.c"); code != 0 {
		t.Error(said)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// What wrappers of other MPIs print for scripts.
func TestShown(t *testing.T) {
	compile(t, nil, "-showme:version")
	for option, want := range map[string]string{
		"-showme:version": "MPI 5.0", "-showme:command": "clang", "--showme:incdirs": "/mpi ", "-showme:libdirs": "/kit-", "-showme:libs": " m c ipfs-mpi",
		"-showme:compile": "-isystem ", "-compile-info": "-isystem ", "-showme:link": "-lipfs-mpi", "-link_info": "crt1-command.o", "-show": "-lipfs-mpi", "--showme": "clang ",
	} {
		if code, said := again(t, option); code != 0 || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: exit code %d: %s", option, code, said)
		}
	}
	// The flags are those of another compiler's command line.
	_, compileFlags := again(t, "-showme:compile")
	_, linkFlags := again(t, "-showme:link")
	tools, err := cc.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.c", []byte("#include <mpi.h>\nint main(void) { return MPI_VERSION - 5; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{tools.Clang + " " + strings.TrimSpace(compileFlags) + " -c a.c", tools.Clang + " a.o -o a.wasm " + linkFlags} {
		if said, err := osexec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", line, err, said)
		}
	}
	if out := execute(t, "a.wasm"); out.Reason != "" || out.Exit != 0 {
		t.Errorf("it ended with %q %s", out.Reason, out.Detail)
	}
}

// On a machine without a compiler the error says what to install; with a broken SDK, what is wrong
// with it.
func TestFindSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("WASI_SDK_PATH", "")
	_, err := cc.Find(t.Context())
	var missing *cc.MissingError
	if errors.As(err, &missing) {
		if !strings.Contains(err.Error(), "apt-get install -y clang lld wasi-libc libclang-rt-14-dev-wasm32") || !strings.Contains(err.Error(), "github.com/WebAssembly/wasi-sdk") {
			t.Error(err)
		}
	} else if err != nil { // nil: a WASI SDK is in one of the usual places
		t.Error(err)
	}
	t.Setenv("WASI_SDK_PATH", t.TempDir())
	if _, err := cc.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "WASI_SDK_PATH") {
		t.Error(err)
	}
}
