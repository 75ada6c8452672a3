package worker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"golang.org/x/sys/unix"
)

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newSet(t testing.TB, mode string, c Config) *Set {
	t.Helper()
	if c.Executable == nil {
		c.Executable = At(self(t))
	}
	c.Name = childName + mode
	s := New(c)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func get(t testing.TB, s *Set, h Handler) *Worker {
	t.Helper()
	if h == nil {
		h = func(link.Type, []byte) error { return nil }
	}
	w, err := s.Get(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func send(t testing.TB, w *Worker, f link.Frame) {
	t.Helper()
	if err := w.Send(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// TestEnds: each way in which a worker ends has its words.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		mode   string
		config Config
		limit  int64
		act    func(w *Worker)
		want   string // words, or the beginning of them before "…"
	}{
		{"", Config{}, 0, (*Worker).Stop, ""},
		{"", Config{}, 0, func(w *Worker) { w.Kill("I said so"); w.Kill("not this"); w.Stop() }, "the worker was killed: I said so"},
		{"stubborn", Config{Grace: 50 * time.Millisecond}, 0, (*Worker).Stop, "the worker was killed: it did not end within 50ms of being stopped"},
		{"silent", Config{Silence: 2 * time.Second, Ping: 50 * time.Millisecond, Watch: 50 * time.Millisecond}, 0, nil,
			"the worker was killed: it did not answer for 2s"},
		{"grow", Config{Watch: time.Millisecond}, 64 << 20, nil, "the worker was killed: it used … of 64 MiB"},
		{"abort", Config{}, 0, nil, "the worker crashed: aborted…"},
		{"exit later", Config{}, 0, nil, "the worker ended with exit code 3…"},
		{"leave", Config{}, 0, nil, "the worker ended although nobody stopped it"},
		{"unplug", Config{Grace: 50 * time.Millisecond}, 0, nil, "the worker was killed: it closed its socket and did not end within 50ms"},
		{"babble", Config{}, 0, nil, "the worker was killed: it said what no worker says: link: malformed frame: there is no type 0xff"},
		{"too long", Config{}, 0, nil, "the worker was killed: it said what no worker says: link: malformed frame: Packets: 4294967294 bytes…"},
		{"foreign", Config{}, 0, nil, "the worker was killed: it said what no worker says: Input, which only the daemon sends"},
		{"", Config{}, 0, func(w *Worker) { unix.Kill(w.Pid(), syscall.SIGKILL) }, "the worker was killed from outside, …"},
		// Go's own handler may exit with 2
		{"", Config{}, 0, func(w *Worker) { unix.Kill(w.Pid(), syscall.SIGSEGV) }, "the worker …"},
	} {
		t.Run(c.mode+" "+c.want, func(t *testing.T) {
			s := newSet(t, c.mode, c.config)
			w := get(t, s, nil)
			w.Limit(c.limit)
			if c.act != nil {
				c.act(w)
			} else {
				send(t, w, &link.Place{Kind: link.KindRanks})
			}
			got := w.End().Cause
			begin, end, cut := strings.Cut(c.want, "…")
			if got != c.want && (!cut || !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, end)) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if err := w.SendNow(&link.Ping{}); err == nil {
				t.Error("a frame was taken after the end")
			}
			t.Log(got)
		})
	}
}

// TestPeak: what this process has had resident is not taken for a worker's, so that a crash is not
// taken for a lack of memory.
func TestPeak(t *testing.T) {
	if n := ownPeak(); n < 4<<20 {
		t.Fatalf("a peak of %d bytes", n)
	}
	for _, c := range []struct {
		mode        string
		before      int64 // what this process had resident; 0 for the truth
		outOfMemory bool
	}{{"abort", 0, false}, {"grow and abort", 0, true}, {"grow and abort", 1 << 30, false}} {
		w := get(t, newSet(t, c.mode, Config{Watch: time.Hour}), nil)
		w.Limit(600 << 20)
		if c.before > 0 {
			w.mu.Lock()
			w.before = c.before
			w.mu.Unlock()
		}
		send(t, w, &link.Place{Kind: link.KindRanks})
		if end := w.End(); end.OutOfMemory != c.outOfMemory || end.Signal != "aborted" {
			t.Errorf("%+v: %+v", c, end)
		}
	}
	// The kernel does: this is why.
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; rss < 4<<20 {
		t.Logf("this kernel counts a process from its beginning: %d bytes", rss)
	}
}

// TestStopDeliversTheRest: what a worker says until its end is handled before Done.
func TestStopDeliversTheRest(t *testing.T) {
	s := newSet(t, "", Config{})
	packets, ended := 0, 0
	w := get(t, s, func(t link.Type, payload []byte) error {
		switch t {
		case link.TypePackets:
			packets++
		case link.TypeEnded:
			ended++
		}
		return nil
	})
	const n = 2000
	for range n {
		send(t, w, &link.Packets{Data: make([]byte, 1000)})
	}
	w.Stop()
	if end := w.End(); end.Cause != "" || packets != n || ended != 1 {
		t.Errorf("%d packets, %d ends, %q", packets, ended, end.Cause)
	}
}

// TestStart: workers that do not get ready are an error of Get, with the cause.
func TestStart(t *testing.T) {
	quick := Config{Silence: 100 * time.Millisecond, Ping: 50 * time.Millisecond, Watch: 10 * time.Millisecond}
	for mode, want := range map[string]string{
		"old":   fmt.Sprintf("it is of version %d, the daemon of %d", link.Version+1, link.Version),
		"early": "Pong before Ready",
		"mute":  "it did not answer for 100ms",
		"exit":  "the worker ended with exit code 3",
	} {
		c := Config{}
		if mode == "mute" {
			c = quick
		}
		s := newSet(t, mode, c)
		w, err := s.Get(t.Context(), nil)
		var end *End
		if !errors.As(err, &end) || !strings.Contains(end.Cause, want) {
			t.Errorf("%s: %v, %v, want %s", mode, w, err, want)
		}
	}
	s := newSet(t, "", Config{Executable: At("/no/such/file")})
	if _, err := s.Get(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no executable: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newSet(t, "mute", Config{}).Get(ctx, nil); err != context.Canceled {
		t.Errorf("nobody waits: %v", err)
	}
	closed := newSet(t, "", Config{})
	closed.Close()
	closed.Close()
	if _, err := closed.Get(t.Context(), nil); err != ErrClosed {
		t.Errorf("closed: %v", err)
	}
	if New(Config{}).Close(); New(quick).started {
		t.Error("New starts")
	}
}

// TestGiven: a worker gets one socket, and /dev/null, from an executable in memory and from one in
// a file of mode 0700.
func TestGiven(t *testing.T) {
	image, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := Load(bytes.NewReader(image), "")
	if err != nil {
		t.Skipf("not checked: this system has no memfd: %v", err)
	}
	defer memory.Close()
	dir := t.TempDir()
	file, err := inFile(bytes.NewReader(image), dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file.path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	stray, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stray)
	for name, e := range map[string]*Executable{"memory": memory, "file": file} {
		said := make(chan string, 1)
		w := get(t, newSet(t, "describe", Config{Executable: e}), func(typ link.Type, payload []byte) error {
			if typ != link.TypePlaced {
				return nil
			}
			var p link.Placed
			err := link.Parse(payload, &p)
			said <- p.Failure
			return err
		})
		send(t, w, &link.Place{Kind: link.KindRanks})
		select {
		case got := <-said:
			// the daemon's own, from before; package lockdown closes them
			for _, s := range inherited(t) {
				got = strings.Replace(got, ", "+s, "", 1)
			}
			if want := "0 /dev/null, 1 /dev/null, 2 pipe:, 3 socket:, 4 /memfd:ipfs-mpi-packets (deleted); env 0; args 1; dir /; leader true"; got != want {
				t.Errorf("%s: %s\nwant %s", name, got, want)
			}
		case <-w.Done():
			t.Errorf("%s: %v", name, w.End())
		}
		w.Stop()
		if err := w.End(); err.Cause != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// inherited are the descriptors, with what they are of, that this process was started with.
func inherited(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		var fd int
		fmt.Sscan(e.Name(), &fd)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && fd > 3 && flags&unix.FD_CLOEXEC == 0 {
			to, _, _ = strings.Cut(to, "[")
			out = append(out, e.Name()+" "+to)
		}
	}
	return out
}

// TestIdle: one worker is there before it is wanted, and one that dies meanwhile is replaced.
func TestIdle(t *testing.T) {
	launched := make(chan *Worker, 100)
	s := newSet(t, "", Config{launched: launched})
	if first := <-launched; first != get(t, s, nil) {
		t.Error("the idle worker was not the one that Get returned")
	}
	idle := <-launched
	<-idle.ready
	unix.Kill(idle.Pid(), syscall.SIGKILL)
	<-idle.Done()
	second := get(t, s, nil)
	if w := <-launched; second != w || second == idle {
		t.Error("a dead worker was not replaced")
	}
	s.Close()
	if got := second.End().Cause; got != "the worker was killed: the daemon is closing" {
		t.Error(got)
	}
}

// TestSignals ends workers by signals at random moments of their traffic: the cause is true, the
// end comes, and another worker of the set does not notice.
func TestSignals(t *testing.T) {
	s := newSet(t, "", Config{Silence: 3 * time.Second, Ping: 50 * time.Millisecond, Watch: 20 * time.Millisecond})
	back := make(chan int, 1)
	other := get(t, s, func(t link.Type, payload []byte) error { back <- len(payload); return nil })
	rounds := 24
	if testing.Short() {
		rounds = 6
	}
	var wg sync.WaitGroup
	for i := range rounds {
		sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGABRT, syscall.SIGSTOP}[i%3]
		w := get(t, s, nil)
		wg.Go(func() { hit(t, w, sig) })
		send(t, other, &link.Packets{Data: make([]byte, i)})
		if n := <-back; n != 4+i {
			t.Errorf("the other worker: %d bytes, want %d", n, 4+i)
		}
	}
	wg.Wait()
	send(t, other, &link.Packets{})
	<-back
	other.Stop()
	if err := other.End(); err.Cause != "" {
		t.Error(err)
	}
}

// hit sends a worker a signal while it echoes, and checks the cause of its end.
func hit(t *testing.T, w *Worker, sig syscall.Signal) {
	for n := range rand.IntN(300) {
		w.Send(t.Context(), &link.Packets{Data: make([]byte, n*100)})
	}
	if err := unix.Kill(w.Pid(), sig); err != nil {
		t.Error(err)
	}
	for range rand.IntN(300) { // also to one that has ended or stands still
		if w.SendNow(&link.Packets{Data: make([]byte, 1000)}) != nil {
			break
		}
	}
	want := map[syscall.Signal]string{
		syscall.SIGKILL: "the worker was killed from outside",
		syscall.SIGABRT: "the worker crashed: aborted",
		syscall.SIGSTOP: "the worker was killed: it did not answer for 3s",
	}[sig]
	if got := w.End().Cause; !strings.HasPrefix(got, want) {
		t.Errorf("%v: %q, want %q", sig, got, want)
	}
}

// TestDaemonKilled kills a daemon: its worker, which ignores the end of its socket, ends too.
func TestDaemonKilled(t *testing.T) {
	for _, mode := range []string{"stubborn", ""} {
		cmd := &exec.Cmd{Path: self(t), Args: []string{daemonName + mode}, Stderr: os.Stderr}
		stdout, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Fscan(bufio.NewReader(stdout), &pid); err != nil {
			cmd.Process.Kill()
			t.Fatalf("the daemon: %v, %v", err, cmd.Wait())
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Skipf("not checked: no pidfd: %v", err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		for {
			// until it has ended
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if err != unix.EINTR {
				break
			}
		}
		unix.Close(fd)
	}
}

// BenchmarkGet is how long a job waits for a worker: with one that is idle, and for a new one.
func BenchmarkGet(b *testing.B) {
	s := newSet(b, "", Config{})
	for b.Loop() {
		w := get(b, s, nil)
		w.Kill("the round is over")
		<-w.Done()
	}
}
