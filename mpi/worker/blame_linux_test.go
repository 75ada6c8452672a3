package worker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// module is one that the modes of endMode take.
var module = []byte("\x00asm\x01\x00\x00\x00")

// ending is a runtime whose workers end as a mode says.
func ending(t *testing.T, mode string, cfg RuntimeConfig) *Runtime {
	cfg.Workers.Executable, cfg.Workers.Name = At(self(t)), childName+endMode+mode
	return newRuntime(t, cfg)
}

func isCrash(err error) bool {
	var crash *exec.Crash
	return errors.As(err, &crash)
}

// TestBlameOfCompilations: a compiler that crashes, or takes more memory than it may, is the
// program's fault, which one of those who wait is told; one that something else ended is not.
func TestBlameOfCompilations(t *testing.T) {
	for mode, want := range map[string]struct {
		crashes int
		words   string
	}{
		"abort":      {1, "wasm: compile: the worker crashed: aborted"},
		"fault":      {1, "wasm: compile: the worker crashed: segmentation fault"},
		"exit later": {1, "wasm: compile: the worker ended with exit code 3"},
		"grow":       {1, "wasm: compile: it took more than 64 MiB to compile"},
		"killed":     {0, "wasm: compile: the worker was killed from outside"},
		"terminated": {0, "wasm: compile: the worker was ended from outside: terminated"},
		"silent":     {0, "wasm: compile: it was not compiled within 2s"},
	} {
		t.Run(mode, func(t *testing.T) {
			cfg := RuntimeConfig{Workers: Config{Watch: 10 * time.Millisecond}}
			switch mode {
			case "grow":
				cfg.CompileMemory = 64 << 20
			case "silent":
				cfg.CompileTime = 2 * time.Second
			}
			if raced && (mode == "abort" || mode == "fault" || mode == "exit later") {
				cfg.CompileMemory = 64 << 30 // the race detector alone may take half of 2 GiB
			}
			r := ending(t, compilesToo+mode, cfg)
			errs := make(chan error, 3)
			var ready sync.WaitGroup
			ready.Add(cap(errs))
			for range cap(errs) {
				go func() {
					ready.Done()
					ready.Wait()
					_, err := r.Compile(t.Context(), module)
					errs <- err
				}()
			}
			crashes := 0
			for range cap(errs) {
				err := <-errs
				if err == nil || !strings.HasPrefix(err.Error(), want.words) {
					t.Errorf("%v, want %s", err, want.words)
				}
				if isCrash(err) {
					crashes++
				}
			}
			// Who came after the first compilation was over has one of his own.
			if (crashes > 0) != (want.crashes > 0) {
				t.Errorf("%d crashes, want %d", crashes, want.crashes)
			}
		})
	}
}

// TestBlameOfPlaces: what crashes while it loads code is the program's fault; what is not ready in
// time, or was ended from outside, is not.
func TestBlameOfPlaces(t *testing.T) {
	for mode, want := range map[string]struct {
		crash bool
		words string
	}{
		"abort":  {true, "the worker crashed: aborted"},
		"fault":  {true, "the worker crashed: segmentation fault"},
		"killed": {false, "the worker was killed from outside"},
		"silent": {false, "the worker was killed: it was not ready within 1s"},
	} {
		cfg := RuntimeConfig{}
		if mode == "silent" {
			cfg.Placing = time.Second
		}
		for _, kind := range []string{"", ranksToo} {
			t.Run(kind+mode, func(t *testing.T) {
				r := ending(t, kind+placesToo+mode, cfg)
				p, err := r.Compile(t.Context(), module)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				words, crash := "", false
				if kind == "" {
					out := p.Run(t.Context(), message(""))
					words, crash = out.Detail, out.Crash != nil
				} else {
					_, err := p.(exec.RankProgram).RankGroup(t.Context(), rankConfig([]int{0}, 0, 1), newOwner(t, 0, 1))
					words, crash = err.Error(), isCrash(err)
				}
				if !strings.HasPrefix(words, want.words) || crash != want.crash {
					t.Errorf("%s, a crash: %v; want %s, %v", words, crash, want.words, want.crash)
				}
			})
		}
	}
}

// TestBlameBeforeStart: a crash after the worker was given its ranks, which do not run yet, is the
// program's.
func TestBlameBeforeStart(t *testing.T) {
	r := ending(t, ranksToo+"before start", RuntimeConfig{})
	p, err := r.Compile(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o := newOwner(t, 0, 1)
	g, err := p.(exec.RankProgram).RankGroup(t.Context(), rankConfig([]int{0}, 0, 1), o)
	if err != nil { // it ended even before that
		if !isCrash(err) {
			t.Error(err)
		}
		return
	}
	<-o.faults
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if o.crash == nil || !strings.HasPrefix(o.fault, "the worker crashed: aborted") {
		t.Errorf("%s, %v", o.fault, o.crash)
	}
}

// TestBlameWithoutMessage: a crash of a worker that runs no message is told with the next one,
// once.
func TestBlameWithoutMessage(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, wat.Cat)
	crashes := 0
	for i := range 4 {
		out := p.Run(t.Context(), message("x"))
		if out.Reason != "" || string(out.Stdout) != "x" {
			t.Fatalf("%+v", out)
		}
		if out.Crash != nil {
			crashes++
		}
		s := &p.(*program).code.handlers
		s.mu.Lock()
		h := s.current
		s.mu.Unlock()
		if i < 2 {
			unix.Kill(h.w.Pid(), []unix.Signal{unix.SIGABRT, unix.SIGKILL}[i])
			<-h.over
		}
	}
	if crashes != 1 {
		t.Errorf("%d crashes were told, there was one", crashes)
	}
}

// TestBlameOfLateEnds: ranks that do not end when they are cancelled are killed, which is no crash.
func TestBlameOfLateEnds(t *testing.T) {
	r := ending(t, ranksToo+"silent", RuntimeConfig{Workers: Config{Grace: 50 * time.Millisecond, Silence: time.Minute}})
	p, err := r.Compile(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	o := newOwner(t, 0, 1)
	o.ready(ctx, p, rankConfig([]int{0}, 0, 1))
	o.group.Start()
	cancel()
	if out := o.wait()[0]; out.Reason != mpi.Cancelled || out.Crash != nil {
		t.Errorf("%+v", out)
	}
	want := "the worker was killed: it did not end within 50ms of being stopped"
	if end := o.group.(*group).w.End(); end.Cause != want || end.Crashed {
		t.Errorf("%+v", end)
	}
	if n := r.Workers().Crashed; n != 0 {
		t.Errorf("%d crashes are counted", n)
	}
}

// TestSaid: what a worker writes to standard error is there after its end, bounded and cleaned.
func TestSaid(t *testing.T) {
	w := get(t, newSet(t, "panic", Config{}), nil)
	send(t, w, &link.Place{Kind: link.KindRanks})
	if end := w.End(); !strings.HasPrefix(end.Said, "?[31mbefore it\npanic: the cause\n") || !strings.Contains(end.Said, "goroutine ") {
		t.Errorf("%q", end.Said)
	}
	w = get(t, newSet(t, "flood", Config{}), nil)
	send(t, w, &link.Place{Kind: link.KindRanks})
	for range 100 { // it goes on being served
		send(t, w, &link.Ping{})
	}
	w.Kill("it has said enough")
	if end := w.End(); len(end.Said) > saidFirst+saidLast+100 {
		t.Errorf("%d bytes were kept", len(end.Said))
	}
	var s said
	for _, part := range []string{"first ", strings.Repeat("a", saidFirst), strings.Repeat("b", saidLast), " last\x00\xff"} {
		s.write([]byte(part))
	}
	if got := s.String(); !strings.HasPrefix(got, "first aaa") || !strings.Contains(got, "a\n…\nb") || !strings.HasSuffix(got, "b last??") ||
		len(got) > saidFirst+saidLast+100 {
		t.Errorf("%q", got)
	}
}

// TestSaidLocked: the real worker, locked down, says so too. Go answers this signal with the stacks
// of all goroutines.
func TestSaidLocked(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, wat.Spin)
	ran := make(chan exec.Outcome, 1)
	go func() { ran <- p.Run(t.Context(), message("")) }()
	unix.Kill(running(t, p).Pid(), unix.SIGQUIT)
	out := <-ran
	if out.Crash == nil || !strings.HasPrefix(out.Crash.Said, "SIGQUIT: quit") || strings.Contains(out.Detail, "quit") {
		t.Errorf("%+v", out)
	}
}

// TestBlameOfDelays: a message that ended in time is not late because the daemon was held up, here
// by what is done with a line of standard error.
func TestBlameOfDelays(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{Workers: Config{Silence: 50 * time.Millisecond, Watch: 10 * time.Millisecond, Ping: time.Minute}})
	p := compile(t, r, wat.Cat)
	for _, inTime := range []bool{false, true} { // the second is told of a crash after the first
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		x := message("x")
		x.Timeout = time.Second
		if !inTime {
			x.Stderr = func(string) { time.Sleep(x.Timeout + 10*r.cfg.Workers.Silence) }
		}
		out := p.Run(ctx, x)
		cancel()
		if out.Reason != "" || out.Crash != nil {
			t.Errorf("in time: %v: %s: %s, %+v", inTime, out.Reason, out.Detail, out.Crash)
		}
	}
}
