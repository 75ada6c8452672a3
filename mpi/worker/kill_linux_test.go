package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// causes are the words for the end of the real worker by each signal.
var causes = map[syscall.Signal]string{
	syscall.SIGKILL: "the worker was killed from outside",
	syscall.SIGABRT: "the worker crashed: aborted",
	syscall.SIGSTOP: "the worker was killed: it did not answer for 2s; it was stopped from outside",
}

var signals = []syscall.Signal{syscall.SIGKILL, syscall.SIGABRT, syscall.SIGSTOP}

func checkCrash(t *testing.T, out exec.Outcome, sig syscall.Signal) {
	t.Helper()
	if out.Reason != mpi.Internal || !strings.HasPrefix(out.Detail, causes[sig]) {
		t.Errorf("%v: %s: %s", sig, out.Reason, out.Detail)
	}
}

// TestKills ends workers by signals at random moments under jobs and messages: only theirs fail,
// with the true cause, and the next ones run. Nothing is left: no process, descriptor or goroutine.
func TestKills(t *testing.T) {
	before := descriptors(t)
	t.Run("all", func(t *testing.T) {
		r := newRuntime(t, RuntimeConfig{HandlerSlots: 4,
			Workers: Config{Silence: 2 * time.Second, Ping: 50 * time.Millisecond, Watch: 20 * time.Millisecond}})
		spin, wait, cat := compile(t, r, wat.Spin), compile(t, r, wat.Wait), compile(t, r, wat.Cat)
		rounds := 9
		if testing.Short() {
			rounds = 3
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range rounds {
				killMessages(t, spin, signals[i%3])
			}
		})
		wg.Go(func() {
			for i := range rounds {
				killRanks(t, wait, signals[i%3])
			}
		})
		// Others do not notice.
		o := newOwner(t, 0, 4)
		o.ready(t.Context(), compile(t, r, wat.Ranks), rankConfig(make([]int, 4), 0, 1))
		o.group.Start()
		for rank, out := range o.wait() {
			if out.Reason != "" {
				t.Errorf("rank %d of another job: %+v", rank, out)
			}
		}
		for range 20 * rounds {
			if out := cat.Run(t.Context(), message("x")); out.Reason != "" || string(out.Stdout) != "x" {
				t.Errorf("a message of another program: %+v", out)
			}
		}
		wg.Wait()
	})
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// moment waits for a while by chance.
func moment() { time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond) }

func killMessages(t *testing.T, p exec.Program, sig syscall.Signal) {
	outs := make(chan exec.Outcome, 3)
	for range cap(outs) {
		go func() { outs <- p.Run(t.Context(), message("")) }()
	}
	h := allRun(t, p, cap(outs))
	moment()
	unix.Kill(h.w.Pid(), sig)
	crashes := 0
	for range cap(outs) {
		out := <-outs
		checkCrash(t, out, sig)
		if out.Crash != nil {
			crashes++
		}
	}
	// Only this signal may be one of the worker's own.
	if want := map[bool]int{true: 1}[sig == syscall.SIGABRT]; crashes != want {
		t.Errorf("%v: %d messages say that their worker crashed, want %d", sig, crashes, want)
	}
	<-h.over
	if len(h.slots) != 0 {
		t.Errorf("%d slots are not back", len(h.slots))
	}
}

// allRun waits until n messages of a program run in one worker.
func allRun(t *testing.T, p exec.Program, n int) *handler {
	for {
		running(t, p)
		s := &p.(*program).code.handlers
		s.mu.Lock()
		h := s.current
		s.mu.Unlock()
		if h != nil {
			h.mu.Lock()
			units := len(h.units)
			h.mu.Unlock()
			if units == n {
				return h
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func killRanks(t *testing.T, p exec.Program, sig syscall.Signal) {
	o := newOwner(t, 0, 2)
	o.ready(t.Context(), p, rankConfig(make([]int, 2), 0, 1))
	g := o.group.(*group)
	started := rand.IntN(4) > 0
	if started {
		g.Start()
	}
	moment()
	unix.Kill(g.w.Pid(), sig)
	if !started { // the owner is told, and starts them all the same
		<-o.faults
		g.Start()
	}
	for _, out := range o.wait() {
		checkCrash(t, out, sig)
		if (out.Crash != nil) != (sig == syscall.SIGABRT) {
			t.Errorf("%v: a rank says of its worker: %v", sig, out.Crash)
		}
	}
	if started == (o.fault != "") {
		t.Errorf("started %v, fault %q", started, o.fault)
	}
}

// suspend stops a process, and returns when all of its threads stand still, which may take a moment
// on a busy machine.
func suspend(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for running := true; running; {
		running = false
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(files) == 0 {
			t.Fatalf("the threads of %d: %v, %v", pid, files, err)
		}
		for _, f := range files {
			stat, err := os.ReadFile(f)
			_, state, found := strings.Cut(string(stat), ") ")
			running = running || err == nil && found && state[0] != 'T'
		}
	}
}

// TestCancelOfStopped: what is cancelled ends within the grace, also in a worker that stands still;
// so do the others that it ran, with its cause.
func TestCancelOfStopped(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{HandlerSlots: 2, Workers: Config{Grace: 100 * time.Millisecond, Silence: time.Hour}})
	p := compile(t, r, wat.Spin)
	ctx, cancel := context.WithCancel(t.Context())
	one, other := make(chan exec.Outcome, 1), make(chan exec.Outcome, 1)
	go func() { one <- p.Run(ctx, message("")) }()
	go func() { other <- p.Run(t.Context(), message("")) }()
	h := allRun(t, p, 2)
	suspend(t, h.w.Pid())
	cancel()
	first, second := <-one, <-other
	if first.Reason != mpi.Cancelled {
		t.Errorf("%+v", first)
	}
	const cause = "the worker was killed: a message did not end within 100ms of its cancellation"
	if second.Reason != mpi.Internal || second.Detail != cause || first.Crash != nil || second.Crash != nil {
		t.Errorf("%+v; %+v", first, second)
	}
	w := compile(t, r, wat.Wait)
	o := newOwner(t, 0, 2)
	ctx, cancel = context.WithCancel(t.Context())
	o.ready(ctx, w, rankConfig(make([]int, 2), 0, 1))
	o.group.Start()
	suspend(t, o.group.(*group).w.Pid())
	cancel()
	for _, out := range o.wait() {
		if out.Reason != mpi.Cancelled || out.Crash != nil {
			t.Errorf("%+v", out)
		}
	}
}
