package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/jobstest"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// command is an ipfs-mpi that runs beside the test.
type command struct {
	*exec.Cmd
	out  *bufio.Reader
	errs *os.File
}

func startCommand(t *testing.T, stdin io.Reader, args ...string) *command {
	t.Helper()
	errs, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errs.Close() })
	c := &command{Cmd: exec.Command("ipfs-mpi", args...), errs: errs}
	c.Stdin, c.Stderr = stdin, errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return c
}

func (c *command) line(t *testing.T, want string) {
	t.Helper()
	if line, err := c.out.ReadString('\n'); err != nil || line != want {
		t.Fatalf("%q, %v, want %q; %s", line, err, want, c.stderr())
	}
}

func (c *command) stderr() string {
	b, _ := os.ReadFile(c.errs.Name())
	return string(b)
}

// ends checks the exit code and returns what is on standard error.
func (c *command) ends(t *testing.T, code int) string {
	t.Helper()
	io.Copy(io.Discard, c.out)
	c.Wait()
	if got := c.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d (%v), want %d", got, c.ProcessState, code)
	}
	return c.stderr()
}

// jobNode serves jobs until the test ends, or stop is called.
func jobNode(t *testing.T) (n *jobstest.Node, url string, stop func()) {
	t.Helper()
	n = jobstest.New(self)
	t.Cleanup(n.Close)
	url, stop = serve(t, fakeNode{n})
	return n, url, stop
}

func serve(t *testing.T, n api.Node) (url string, stop func()) {
	t.Helper()
	s := api.New(n, api.Config{Listen: "127.0.0.1:0"})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { s.Close(context.Background()) }
	t.Cleanup(stop)
	return s.Addr(), stop
}

// slowNode does not answer when it is asked for its peers or for a file of a job.
type slowNode struct {
	fakeNode
	asked   chan struct{}
	release chan struct{}
}

func (n slowNode) Peers(ctx context.Context, _ bool) ([]mpi.Member, error) {
	close(n.asked)
	<-ctx.Done()
	return nil, ctx.Err()
}

func (n slowNode) JobFile(string, string) (io.ReadCloser, error) { return io.NopCloser(n), nil }

func (n slowNode) Read([]byte) (int, error) {
	select {
	case <-n.asked:
	default:
		close(n.asked)
	}
	<-n.release
	return 0, io.EOF
}

// An interrupt before the job began, and one after it ended well, is told as such.
func TestRunInterruptedAround(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--peers", "fS", "wait"}, "interrupted before the job began"},
		{[]string{"-n", "2", "-o", dir, "picture"}, "interrupted; the node keeps the files: ipfs-mpi files -o DIR ajob1"},
	} {
		jobs := jobstest.New(self)
		t.Cleanup(jobs.Close)
		n := slowNode{fakeNode{jobs}, make(chan struct{}), make(chan struct{})}
		url, _ := serve(t, n)
		t.Cleanup(func() { close(n.release) })
		cmd := startCommand(t, nil, append([]string{"run", "--api", url}, c.args...)...)
		<-n.asked
		cmd.Process.Signal(syscall.SIGINT)
		if errs := cmd.ends(t, 130); !strings.Contains(errs, c.want) {
			t.Errorf("%q, without %q", errs, c.want)
		}
	}
}

// An interrupt ends the job everywhere, and says so.
func TestRunInterrupted(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129, syscall.SIGQUIT: 131} {
		n, url, _ := jobNode(t)
		c := startCommand(t, nil, "run", "--api", url, "-n", "2", "wait")
		c.line(t, "waiting\n")
		c.Process.Signal(sig)
		errs := c.ends(t, code)
		if !strings.Contains(errs, "cancelling job ajob1 everywhere") || !strings.Contains(errs, "job ajob1 was cancelled on all its nodes") {
			t.Errorf("%v: %q", sig, errs)
		}
		if job, _ := n.Job("ajob1"); job.State != mpi.JobCancelled {
			t.Errorf("%v: the job is %s", sig, job.State)
		}
	}
}

// A job that somebody else cancels is told as such.
func TestRunCancelledElsewhere(t *testing.T) {
	n, url, _ := jobNode(t)
	c := startCommand(t, nil, "run", "--api", url, "wait")
	c.line(t, "waiting\n")
	if out, err := exec.Command("ipfs-mpi", "kill", "--api", url, "ajob").CombinedOutput(); err != nil || string(out) != "job ajob1 was cancelled\n" {
		t.Errorf("%s, %v", out, err)
	}
	if errs := c.ends(t, 1); !strings.Contains(errs, "job ajob1 was cancelled") {
		t.Error(errs)
	}
	_ = n
}

// Whoever reads the output and goes, as head does, ends the job.
func TestRunPipeCloses(t *testing.T) {
	t.Run("text", func(t *testing.T) { testRunPipeCloses(t, "wait") })
	// its first line is not the job's
	t.Run("JSON", func(t *testing.T) { testRunPipeCloses(t, "--json", "wait") })
}

func testRunPipeCloses(t *testing.T, args ...string) {
	n, url, _ := jobNode(t)
	in, w, err := os.Pipe() // open and silent
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer w.Close()
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	errs, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	c := exec.Command("ipfs-mpi", append([]string{"run", "--api", url}, args...)...)
	c.Stdin, c.Stdout, c.Stderr = in, out, errs
	err = c.Start()
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	c.Wait()
	text, _ := os.ReadFile(errs.Name())
	if c.ProcessState.ExitCode() != 1 || !strings.Contains(string(text), "job ajob1 was cancelled") {
		t.Errorf("%v: %s", c.ProcessState, text)
	}
	if job, _ := n.Job("ajob1"); job.State != mpi.JobCancelled {
		t.Errorf("the job is %s", job.State)
	}
}

// A terminal, or whatever else is open and silent on standard input, does not keep the command when
// the job has ended.
func TestRunIdleInput(t *testing.T) {
	n, url, _ := jobNode(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	c := startCommand(t, r, "run", "--api", url, "deaf")
	if errs := c.ends(t, 0); errs != "" {
		t.Error(errs)
	}
	// And what is typed arrives before the end of it.
	c = startCommand(t, r, "run", "--api", url, "cat")
	io.WriteString(w, "typed\n")
	w.Close()
	c.line(t, "typed\n")
	c.ends(t, 0)
	_ = n
}

// When the daemon goes away the command says that it, and the job, is gone.
func TestRunDaemonGone(t *testing.T) {
	_, url, stop := jobNode(t)
	c := startCommand(t, nil, "run", "--api", url, "wait")
	c.line(t, "waiting\n")
	stop()
	if errs := c.ends(t, 1); !strings.Contains(errs, "the daemon is gone, and job ajob1 with it") {
		t.Error(errs)
	}
}

// Interrupting logs -f leaves the job alone.
func TestLogsInterrupted(t *testing.T) {
	n, url, _ := jobNode(t)
	c := startCommand(t, nil, "run", "--api", url, "wait")
	c.line(t, "waiting\n")
	logs := startCommand(t, nil, "logs", "-f", "--api", url, "ajob1")
	logs.line(t, "waiting\n")
	logs.Process.Signal(syscall.SIGINT)
	if errs := logs.ends(t, 130); errs != "" {
		t.Error(errs)
	}
	if job, _ := n.Job("ajob1"); job.State != mpi.JobRunning {
		t.Errorf("the job is %s", job.State)
	}
}
