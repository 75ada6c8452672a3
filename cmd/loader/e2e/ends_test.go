//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Each of three ranks writes numbered lines and the start of one more. When all have, rank 1 says
// so on standard error, and then the job ends the way that the first argument names.
const linesThenEnd = `
	const char *way = argv[1];
	int x = 0;
	if (!strcmp(way, "unbuffered")) setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < atoi(argv[2]); i++)
		printf("rank %d, line %d, which has some more text than its number\n", rank, i);
	printf("rank %d, the start of a line", rank);
	int alone = !strcmp(way, "exit") || !strcmp(way, "exit well") || !strcmp(way, "return");
	if (!alone || rank != 1) fflush(stdout); /* the end of the program does it */
	MPI_Barrier(MPI_COMM_WORLD);
	if (!strcmp(way, "exit of all")) exit(0);
	if (rank == 1) {
		fprintf(stderr, "all is written\n");
		if (!strcmp(way, "abort")) abort();
		if (!strcmp(way, "bounds")) *(volatile int *)0xfffffff0 = 1;
		if (!strcmp(way, "null")) *(volatile int *)(long)x = 1;
		if (!strcmp(way, "unreachable")) __builtin_trap();
		if (!strcmp(way, "MPI_Abort")) MPI_Abort(MPI_COMM_WORLD, 3);
		if (!strcmp(way, "error")) MPI_Send(&x, 1, MPI_INT, 99, 0, MPI_COMM_WORLD);
		if (!strcmp(way, "exit")) exit(4);
		if (!strcmp(way, "exit well")) exit(0);
		if (!strcmp(way, "return")) return 4;
	}
	if (strcmp(way, "end"))
		MPI_Recv(&x, 1, MPI_INT, (rank + 1) % size, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
`

func lineOf(rank, i int) string {
	return fmt.Sprintf("rank %d, line %d, which has some more text than its number", rank, i)
}

// linesOf is what a rank of that program writes, line by line.
func linesOf(rank, count int) (list []string) {
	for i := range count {
		list = append(list, lineOf(rank, i))
	}
	return append(list, fmt.Sprintf("rank %d, the start of a line", rank))
}

// sameLines reports each rank whose lines are not what it wrote: whole, in order, each once.
func sameLines(t *testing.T, out string, count int) {
	t.Helper()
	got := map[string][]string{}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		rank, _, _ := strings.Cut(line, ",")
		got[rank] = append(got[rank], line)
	}
	for rank := range 3 {
		name := "rank " + strconv.Itoa(rank)
		want := linesOf(rank, count)
		if mine := got[name]; !slices.Equal(mine, want) {
			at := 0
			for at < min(len(mine), len(want)) && mine[at] == want[at] {
				at++
			}
			t.Errorf("%s: %d lines, want %d; from %d on: %q", name, len(mine), len(want), at, mine[at:min(at+3, len(mine))])
		}
		delete(got, name)
	}
	for _, lines := range got {
		t.Errorf("%d lines that nobody wrote: %q", len(lines), lines[0])
	}
}

// What ranks wrote before a job ends is shown, whole and in order, whatever ends it.
func TestLinesBeforeEveryEnd(t *testing.T) {
	nodes := cluster(t, 3)
	n := nodes[0]
	file := program(t, linesThenEnd)
	const few, many, most = 3, 5000, 40000 // most is more than a node keeps of a job
	type ending struct {
		name  string
		way   string // of the program
		lines int
		flags []string
		ends  func(*testing.T, *process) // once all is written; nil if the program ends by itself
		code  int
		says  string
	}
	check := func(t *testing.T, c ending) {
		t.Helper()
		args := append([]string{"run", "-n", "3"}, append(c.flags, file, c.way, strconv.Itoa(c.lines))...)
		p := launch(t, []string{"IPFS_PATH=" + n.Repo}, loader, args...)
		if c.ends != nil {
			p.await(t, "all output", func() bool { return strings.Contains(readFile(t, p.stderr.Name()), "all is written\n") })
			c.ends(t, p)
		}
		code, errs := p.ends(t)
		if code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("exit code %d, want %d; standard error, which has to hold %q:\n%s", code, c.code, c.says, errs)
		}
		sameLines(t, readFile(t, p.stdout.Name()), c.lines)
		_ = p.stdout.Truncate(0) // it is too long for a log
	}
	for _, c := range []ending{
		{name: "end", way: "end", lines: most},
		{name: "abort", way: "abort", lines: few, code: 1, says: "rank 1"},
		{name: "abort, much output", way: "abort", lines: most, code: 1, says: "rank 1"},
		{name: "abort, one node", way: "abort", lines: many, flags: []string{"--map-by", "slot"}, code: 1, says: "rank 1"},
		{name: "beyond memory", way: "bounds", lines: many, code: 1, says: "rank 1"},
		{name: "NULL", way: "null", lines: few, code: 1, says: "rank 1"},
		{name: "unreachable", way: "unreachable", lines: many, code: 1, says: "rank 1"},
		{name: "MPI_Abort", way: "MPI_Abort", lines: many, code: 3, says: "MPI_Abort"},
		{name: "MPI_Abort, much output", way: "MPI_Abort", lines: most, code: 3, says: "MPI_Abort"},
		{name: "error of MPI", way: "error", lines: many, code: 6, says: "MPI_Send"},
		{name: "exit without Finalize", way: "exit well", lines: many, code: 1, says: "MPI_Finalize"},
		{name: "exit of all without Finalize", way: "exit of all", lines: most, code: 1, says: "MPI_Finalize"},
		{name: "exit", way: "exit", lines: many, code: 4, says: "rank 1"},
		{name: "return from main", way: "return", lines: few, code: 4, says: "rank 1"},
		{name: "deadlock", way: "hang", lines: many, code: 1, says: "deadlock: "},
		{name: "ctrl-C", way: "hang", lines: many, flags: hangs, ends: signalled(syscall.SIGINT), code: 130, says: "was cancelled on all its nodes"},
		{name: "ctrl-C, much output", way: "hang", lines: most, flags: hangs, ends: signalled(syscall.SIGINT), code: 130, says: "was cancelled on all its nodes"},
		{name: "ctrl-C, unbuffered", way: "unbuffered", lines: few, flags: hangs, ends: signalled(syscall.SIGINT), code: 130, says: "was cancelled on all its nodes"},
		{name: "terminated", way: "hang", lines: few, flags: hangs, ends: signalled(syscall.SIGTERM), code: 143, says: "was cancelled on all its nodes"},
		{name: "kill", way: "hang", lines: most, flags: hangs, code: 1, says: "was cancelled", ends: func(t *testing.T, _ *process) {
			n.good(t, "kill", records(t, n)[0].ID)
		}},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, c) })
	}
	t.Run("time limit", func(t *testing.T) { limited(t, n, file) })
	t.Run("taken late", func(t *testing.T) { takenLate(t, n, file) })
	t.Run("kill while it prints", func(t *testing.T) {
		endPrinting(t, n, file, 1, func(*os.Process) { n.good(t, "kill", records(t, n)[0].ID) })
	})
	t.Run("ctrl-C while it prints", func(t *testing.T) {
		endPrinting(t, n, file, 130, func(p *os.Process) { _ = p.Signal(syscall.SIGINT) })
	})
	t.Run("steps", func(t *testing.T) { steps(t, n) })
	t.Run("a node is killed", func(t *testing.T) {
		peers := []string{"--peers", n.Peer + "," + nodes[1].Peer + "," + nodes[2].Peer}
		check(t, ending{way: "hang", lines: many, flags: append(peers, hangs...), code: 1, says: nodes[1].Peer,
			ends: func(t *testing.T, _ *process) { kill(t, nodes[1]) }})
	})
}

var hangs = []string{"--allow-deadlock"}

func signalled(sig syscall.Signal) func(*testing.T, *process) {
	return func(t *testing.T, p *process) {
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
}

// limited has a time limit end a job that hangs.
func limited(t *testing.T, n *node, file string) {
	const count = 5000
	// On a busy machine the limit may come before all is written: then it is doubled.
	for limit := 2 * time.Second; ; limit *= 2 {
		out, errs, code := n.command(t, "run", "-n", "3", "--allow-deadlock", "--timeout", limit.String(), file, "hang", strconv.Itoa(count))
		if code != 1 || !strings.Contains(errs, "limit") {
			t.Fatalf("exit code %d:\n%s", code, errs)
		}
		if limit > patience || strings.Count(errs, " (tag 5) on MPI_COMM_WORLD, for ") == 3 {
			sameLines(t, out, count)
			return
		}
	}
}

// piped starts "ipfs-mpi run" with its standard output in a pipe. ends reads the rest and returns
// it, with the exit code and what the command wrote to standard error.
func (n *node) piped(t *testing.T, args ...string) (p *os.Process, out *bufio.Reader, ends func() (text string, code int, errs string)) {
	t.Helper()
	cmd := exec.Command(loader, append([]string{"run"}, args...)...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+n.Repo)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out = bufio.NewReaderSize(pipe, 16)
	return cmd.Process, out, func() (string, int, string) {
		t.Helper()
		text, err := io.ReadAll(out)
		if err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		return string(text), cmd.ProcessState.ExitCode(), errs.String()
	}
}

// takenLate reads what the command writes when the job has ended.
func takenLate(t *testing.T, n *node, file string) {
	const count = 5000
	before := len(records(t, n))
	_, _, ends := n.piped(t, "-n", "3", file, "abort", strconv.Itoa(count))
	for end := time.Now().Add(patience); ; {
		if list := records(t, n); len(list) > before && list[0].State.Ended() {
			break
		}
		if time.Now().After(end) {
			t.Error("the job does not end")
			break
		}
	}
	out, code, errs := ends()
	if code != 1 || !strings.Contains(errs, "rank 1") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	sameLines(t, out, count)
}

// endPrinting ends a job that prints without end to a reader that takes nothing meanwhile: no line
// is missing between two that are there.
func endPrinting(t *testing.T, n *node, file string, want int, end func(*os.Process)) {
	p, out, ends := n.piped(t, "-n", "3", file, "end", "1000000000")
	first, err := out.ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	end(p)
	rest, code, errs := ends()
	if code != want || !strings.Contains(errs, "was cancelled") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	var next [3]int
	for line := range strings.Lines(first + rest) {
		var rank int
		if _, err := fmt.Sscanf(line, "rank %d,", &rank); err != nil || rank < 0 || rank > 2 {
			t.Fatalf("%d lines: %q, %v", next, line, err)
		}
		want := lineOf(rank, next[rank])
		if line = strings.TrimSuffix(line, "\n"); line != want && !strings.HasPrefix(want, line) {
			t.Fatalf("after %d lines: %q, want %q", next, line, want)
		}
		next[rank]++
	}
}

// steps are three lines of each rank before rank 0 waits for ever, and before an abort.
func steps(t *testing.T, n *node) {
	file := compiled(t, n, "test", "conformance", "programs", "lines-before-end.c")
	sorted := func(out string) string {
		list := strings.SplitAfter(out, "\n")
		slices.SortStableFunc(list, func(a, b string) int { return strings.Compare(a[max(0, len(a)-2):], b[max(0, len(b)-2):]) })
		return strings.Join(list, "")
	}
	const of0, of1 = "step 1 of 0\nstep 2 of 0\nstep 3 of 0\n", "step 1 of 1\nstep 2 of 1\nstep 3 of 1\n"
	if out, errs, code := n.command(t, "run", "-n", "2", file); code != 1 || !strings.Contains(errs, "deadlock: ") || sorted(out) != of0+of1 {
		t.Errorf("that hangs: exit code %d\n%s%s", code, out, errs)
	}
	if out, errs, code := n.command(t, "run", file, "abort"); code != 1 || out != of0 {
		t.Errorf("that aborts: exit code %d\n%s%s", code, out, errs)
	}
	// The rank that aborts first ends the other, which may not have come as far.
	out, errs, code := n.command(t, "run", "-n", "2", file, "abort")
	both := sorted(out)
	whole := strings.HasPrefix(both, of0) && strings.HasPrefix(of1, both[min(len(of0), len(both)):]) ||
		strings.HasSuffix(both, of1) && strings.HasPrefix(of0, strings.TrimSuffix(both, of1))
	if code != 1 || !whole {
		t.Errorf("both abort: exit code %d\n%s%s", code, out, errs)
	}
}
