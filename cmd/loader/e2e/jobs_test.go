//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// command runs ipfs-mpi at a node to its end.
func (n *node) command(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	out, errs, err := try(n.Repo, append([]string{loader}, args...)...)
	if err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok || exit.ExitCode() < 0 {
			t.Fatalf("ipfs-mpi %s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
		}
		code = exit.ExitCode()
	}
	return out, errs, code
}

// good is command for one that has to end well.
func (n *node) good(t testing.TB, args ...string) string {
	t.Helper()
	out, errs, code := n.command(t, args...)
	if code != 0 {
		t.Fatalf("ipfs-mpi %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// runs starts "ipfs-mpi run" at a node, and returns when its output holds some text.
func (n *node) runs(t testing.TB, until string, args ...string) *process {
	t.Helper()
	p := launch(t, []string{"IPFS_PATH=" + n.Repo}, loader, append([]string{"run"}, args...)...)
	p.await(t, until, func() bool { return strings.Contains(readFile(t, p.stdout.Name()), until) })
	return p
}

// ends waits for the process's end and returns its exit code and what it wrote to standard error.
func (p *process) ends(t testing.TB) (code int, stderr string) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s does not end\n%s", p.cmd, p.output())
	}
	return p.cmd.ProcessState.ExitCode(), readFile(t, p.stderr.Name())
}

// program compiles a program in C, with these statements after MPI_Init, where rank and size are
// known.
func program(t testing.TB, statements string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "program.c")
	code := `#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
	int rank, size;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
` + statements + `
	MPI_Finalize();
	return 0;
}
`
	if err := os.WriteFile(source, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "program.wasm")
	run(t, dir, loader, "cc", "-o", file, source)
	return file
}

func lines(text string) int { return strings.Count(text, "\n") }

// endless is what the ring says in a lap of many.
var endless = []string{"ring", "100000000"}

func records(t testing.TB, n *node) []*mpi.Job {
	t.Helper()
	var doc struct{ Jobs []*mpi.Job }
	decode(t, []byte(n.good(t, "ps", "-a", "--json")), &doc)
	return doc.Jobs
}

// The programs of the store run with one command, on one node and on three.
func TestRun(t *testing.T) {
	for _, size := range []int{1, 3} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			n := cluster(t, size)[0]
			hello := n.good(t, "run", "-n", "6", "hello")
			for rank := range 6 {
				if !strings.Contains(hello, "rank "+strconv.Itoa(rank)+" of 6") {
					t.Errorf("rank %d does not say hello:\n%s", rank, hello)
				}
			}
			if out := n.good(t, "run", "-n", "4", "--tag-output", "pi/1"); !strings.HasPrefix(out, "[0] pi is about 3.14159265") {
				t.Errorf("pi: %q", out)
			}
			if out := n.good(t, "run", "-n", "5", "--map-by", "slot", "ring", "10"); lines(out) != 10 || !strings.Contains(out, "lap 10 of 10: the token came round 5 ranks and carries 100") {
				t.Errorf("ring: %q", out)
			}
			dir := filepath.Join(t.TempDir(), "pictures")
			n.good(t, "run", "-n", "4", "-o", dir, "mandelbrot")
			if png := readFile(t, filepath.Join(dir, "mandelbrot.png")); !strings.HasPrefix(png, "\x89PNG") {
				t.Errorf("mandelbrot.png begins with %q", png[:min(len(png), 8)])
			}
			list := records(t, n)
			if len(list) != 4 {
				t.Fatalf("%d jobs", len(list))
			}
			used := map[mpi.PeerID]bool{}
			for _, r := range recordOf(t, n, list[3].ID).Ranks {
				used[r.Peer] = true
			}
			if len(used) != size {
				t.Errorf("hello ran on %d nodes", len(used))
			}
		})
	}
}

func recordOf(t testing.TB, n *node, id string) *mpi.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := api.NewClient(n.API, "")
	defer c.Close()
	job, err := c.Job(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// Whatever way a rank fails in, the exit code is the job's, and standard error says which rank,
// where and why.
func TestRunFails(t *testing.T) {
	nodes := cluster(t, 2)
	n, other := nodes[0], nodes[1].Peer
	for _, c := range []struct {
		name, program string
		code          int
		want          []string // on standard error
	}{
		{"MPI_Abort", `if (rank == 1) MPI_Abort(MPI_COMM_WORLD, 42); MPI_Barrier(MPI_COMM_WORLD);`, 42, []string{"rank 1 on peer " + other, "42"}},
		{"exit code", `if (rank == 1) { fprintf(stderr, "no such matrix\n"); exit(3); } MPI_Barrier(MPI_COMM_WORLD);`, 3, []string{"no such matrix\n", "rank 1 on peer " + other, "exit code 3"}},
		{"trap", `if (rank == 1) __builtin_trap(); MPI_Barrier(MPI_COMM_WORLD);`, 1, []string{"rank 1 on peer " + other, "trap"}},
		{"NULL", `int *volatile p = 0; if (rank == 1) *p = 1; MPI_Barrier(MPI_COMM_WORLD);`, 1, []string{"rank 1 on peer " + other, "NULL pointer: store at address 0x0 in main"}},
		{"memory", `if (rank == 1) { char *volatile p = malloc(1u << 30); *p = 1; } MPI_Barrier(MPI_COMM_WORLD);`, 0,
			[]string{"rank 1 on peer " + other, "asked for 1024.1 MiB", "its limit is 100 MiB", "--memory 1033MiB", "NULL pointer"}},
		{"an error of MPI", `if (rank == 1) MPI_Send(&rank, 1, MPI_INT, 99, 0, MPI_COMM_WORLD); MPI_Barrier(MPI_COMM_WORLD);`, 0, []string{"rank 1 on peer " + other, "MPI_Send"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := n.command(t, "run", "-n", "2", "--memory", "100MiB", program(t, c.program))
			if code == 0 || c.code != 0 && code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(errs, want) {
					t.Errorf("%q is not in %q", want, errs)
				}
			}
			if out != "" {
				t.Errorf("standard output: %q", out)
			}
		})
	}
	t.Run("time", func(t *testing.T) {
		_, errs, code := n.command(t, "run", "-n", "2", "--timeout", "1s", program(t, `for (;;) MPI_Barrier(MPI_COMM_WORLD);`))
		if code == 0 || !strings.Contains(errs, "1s") {
			t.Errorf("exit code %d, %q", code, errs)
		}
	})
	t.Run("slots", func(t *testing.T) {
		_, errs, code := n.command(t, "run", "-n", "5000", "hello")
		if code != 1 || !strings.Contains(errs, "5000 ranks wanted") || !strings.Contains(errs, "--wait-slots") {
			t.Errorf("exit code %d, %q", code, errs)
		}
	})
	// A node lacks RMA: a program that calls it runs, and each call is an error of a class that the
	// program may handle. Unhandled it ends the job.
	const lacking = `
	MPI_Win win = MPI_WIN_NULL;
	int class = 0, e = MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win);
	MPI_Error_class(e, &class);
	printf("%d %d\n", class == MPI_ERR_UNSUPPORTED_OPERATION, win == MPI_WIN_NULL);`
	t.Run("function that the node lacks", func(t *testing.T) {
		out, errs, code := n.command(t, "run", program(t, lacking))
		if code == 0 || out != "" || !strings.Contains(errs, "MPI_Win_create_dynamic") || !strings.Contains(errs, "MPI_ERR_UNSUPPORTED_OPERATION") {
			t.Errorf("exit code %d, %q, %q", code, out, errs)
		}
	})
	t.Run("function that the node lacks, handled", func(t *testing.T) {
		out, errs, code := n.command(t, "run", program(t, "MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);"+lacking))
		if code != 0 || out != "1 1\n" {
			t.Errorf("exit code %d, %q, %q", code, out, errs)
		}
	})
	t.Run("function that is not of MPI", func(t *testing.T) {
		_, errs, code := n.command(t, "run", program(t, `
	extern int nowhere(int) __attribute__((import_module("env"), import_name("MPI_Nowhere")));
	nowhere(0);`)) // as a compiler with the header of another MPI has it
		if code != 1 || !strings.Contains(errs, "MPI_Nowhere") || !strings.Contains(errs, "not a function of MPI 5.0") {
			t.Errorf("exit code %d, %q", code, errs)
		}
	})
	if out := n.good(t, "run", "-n", "4", "hello"); lines(out) != 4 {
		t.Errorf("after all that: %q", out)
	}
}

// Standard input reaches rank 0, arguments and environment all.
func TestRunInput(t *testing.T) {
	n := cluster(t, 2)[0]
	file := program(t, `
	char line[100];
	if (rank == 0)
		while (fgets(line, sizeof line, stdin)) printf("read %s", line);
	MPI_Barrier(MPI_COMM_WORLD);
	if (rank == 1) printf("%s %s\n", argv[1], getenv("COLOR"));`)
	in := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(in, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := n.good(t, "run", "-n", "2", "--stdin", in, "-x", "COLOR=green", file, "-v")
	// Nothing orders the lines of different ranks.
	if mine := strings.Replace(out, "-v green\n", "", 1); mine != "read one\nread two\n" || mine == out {
		t.Errorf("%q", out)
	}
}

// The daemon of a middle rank is killed: the job ends within two seconds and the command says which
// peer is gone.
func TestRunLosesPeer(t *testing.T) {
	nodes := cluster(t, 3)
	n, middle := nodes[0], nodes[1]
	p := n.runs(t, "lap 10 ", append([]string{"-n", "3", "--peers", n.Peer + "," + middle.Peer + "," + nodes[2].Peer}, endless...)...)
	killed := time.Now()
	kill(t, middle)
	code, errs := p.ends(t)
	if code == 0 || !strings.Contains(errs, "rank 1") || !strings.Contains(errs, middle.Peer) {
		t.Errorf("exit code %d, %q", code, errs)
	}
	job := records(t, n)[0]
	if took := job.Ended.Sub(killed); job.State != mpi.JobFailed || took > 2*time.Second {
		t.Errorf("the job %s %v after the daemon was killed", job.State, took)
	}
	// The nodes that are left take the next one at once.
	if out := n.good(t, "run", "-n", "2", "--peers", n.Peer+","+nodes[2].Peer, "hello"); lines(out) != 2 {
		t.Errorf("%q", out)
	}
}

// An interrupt ends the job on all nodes, and so does kill; then all slots are free again.
func TestRunCancelled(t *testing.T) {
	n := cluster(t, 2, "--mpi-config", `{"Ranks": 2}`)[0]
	p := n.runs(t, "lap 10 ", append([]string{"-n", "4"}, endless...)...)
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	if code, errs := p.ends(t); code != 130 || !strings.Contains(errs, "was cancelled on all its nodes") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	p = n.runs(t, "lap 10 ", append([]string{"-n", "4"}, endless...)...)
	logs := launch(t, []string{"IPFS_PATH=" + n.Repo}, loader, "logs", "-f", "--tag-output", records(t, n)[0].ID)
	logs.await(t, "the output", func() bool { return strings.Contains(readFile(t, logs.stdout.Name()), "[0] lap ") })
	if out := n.good(t, "kill", records(t, n)[0].ID[:4]); !strings.Contains(out, "was cancelled") {
		t.Errorf("kill: %q", out)
	}
	if code, errs := p.ends(t); code == 0 || !strings.Contains(errs, "was cancelled") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	if code, errs := logs.ends(t); code != 0 {
		t.Errorf("logs: exit code %d, %q", code, errs)
	}
	if out := n.good(t, "run", "-n", "4", "hello"); lines(out) != 4 {
		t.Errorf("%q", out)
	}
	for i, want := range []mpi.JobState{mpi.JobDone, mpi.JobCancelled, mpi.JobCancelled} {
		if got := records(t, n)[i].State; got != want {
			t.Errorf("job %d is %s, want %s", i, got, want)
		}
	}
}

// Two jobs run side by side and do not mix. A third waits for their slots, if it is told to.
func TestRunSideBySide(t *testing.T) {
	n := cluster(t, 2, "--mpi-config", `{"Ranks": 4}`)[0]
	a := n.runs(t, "lap 10 ", append([]string{"-n", "4"}, endless...)...)
	if out := n.good(t, "run", "-n", "3", "ring", "100"); lines(out) != 100 || !strings.Contains(out, "came round 3 ranks and carries 300\n") {
		t.Errorf("beside another: %q", out[max(0, len(out)-200):])
	}
	if _, errs, code := n.command(t, "run", "-n", "8", "hello"); code != 1 || !strings.Contains(errs, "8 ranks wanted") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	c := launch(t, []string{"IPFS_PATH=" + n.Repo}, loader, "run", "-n", "8", "--wait-slots", "2m", "hello")
	c.await(t, "the wait", func() bool {
		list := records(t, n)
		return list[0].Spec.Ranks == 8 && strings.Contains(list[0].Progress, "8 ranks wanted")
	})
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	if code, _ := a.ends(t); code != 143 {
		t.Errorf("terminated: exit code %d", code)
	}
	if code, errs := c.ends(t); code != 0 || lines(readFile(t, c.stdout.Name())) != 8 {
		t.Errorf("having waited: exit code %d, %s", code, errs)
	}
}

// A program that is in no store runs where Programs says any, and is refused elsewhere.
func TestRunFile(t *testing.T) {
	file := program(t, `printf("mine %d\n", rank);`)
	nodes := cluster(t, 2)
	if out := nodes[0].good(t, "run", "-n", "2", "--peers", nodes[0].Peer+","+nodes[1].Peer, file); lines(out) != 2 || !strings.Contains(out, "mine 1\n") {
		t.Errorf("%q", out)
	}
	nodes = cluster(t, 2, "--mpi-config", `{"Programs": "store"}`)
	_, errs, code := nodes[0].command(t, "run", "-n", "2", "--peers", nodes[1].Peer, file)
	if code != 1 || !regexp.MustCompile(`(?i)programs|serve`).MatchString(errs) {
		t.Errorf("exit code %d, %q", code, errs)
	}
	if out := nodes[0].good(t, "run", "-n", "2", "--peers", nodes[0].Peer, file); lines(out) != 2 {
		t.Errorf("at its own node: %q", out)
	}
}

// Records, logs and files of jobs that have ended are there when the daemon comes back; one that
// ran has failed.
func TestJobsAfterRestart(t *testing.T) {
	dir := repo(t, loader, "ipfs")
	root := strings.TrimSpace(run(t, dir, loader, "ipfs", "add", "-Qr", "--cid-version=1", storeDir))
	run(t, dir, loader, "ipfs", "config", "Plugins.Plugins.mpi.Config.Store", "/ipfs/"+root)
	n := daemon(t, dir, loader, "ipfs")
	n.proc.await(t, "the store", func() bool {
		_, _, err := try(n.Repo, loader, "run", "-n", "2", "hello")
		return err == nil
	})
	n.good(t, "run", "-n", "2", "mandelbrot")
	done := records(t, n)[0]
	wrote := n.good(t, "logs", done.ID)
	p := n.runs(t, "lap 10 ", append([]string{"-n", "2"}, endless...)...)
	cut := records(t, n)[0]
	n.proc.stop(t, os.Interrupt)
	if code, errs := p.ends(t); code != 1 || !strings.Contains(errs, cut.ID) {
		t.Errorf("when the daemon stops: exit code %d, %q", code, errs)
	}
	n = daemon(t, dir, loader, "ipfs")
	list := records(t, n)
	if len(list) < 2 || list[0].ID != cut.ID || list[0].State != mpi.JobFailed || list[1].ID != done.ID || list[1].State != mpi.JobDone {
		t.Fatalf("%+v", list)
	}
	if got := n.good(t, "logs", done.ID); got != wrote || wrote == "" {
		t.Errorf("logs: %q, before %q", got, wrote)
	}
	if out := n.good(t, "logs", cut.ID); !strings.Contains(out, "the token came round 2 ranks") {
		t.Errorf("the end of the logs of the job that was cut: %q", out[:min(len(out), 200)])
	}
	pictures := t.TempDir()
	n.good(t, "files", "-o", pictures, done.ID)
	if !strings.HasPrefix(readFile(t, filepath.Join(pictures, "mandelbrot.png")), "\x89PNG") {
		t.Error("no picture")
	}
}
