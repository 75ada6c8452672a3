package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// built is the real worker, built for the first test that needs it; TestMain removes it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func executable(t testing.TB) *Executable {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "worker-test-"); built.err != nil {
			return
		}
		cmd := osexec.Command("go", "build", "-o", filepath.Join(built.dir, "worker"), "../../cmd/worker")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return At(filepath.Join(built.dir, "worker"))
}

// newRuntime starts a runtime over the real worker. The test ends with it: no goroutine is left.
func newRuntime(t testing.TB, cfg RuntimeConfig) *Runtime {
	t.Helper()
	if cfg.Workers.Executable == nil {
		cfg.Workers.Executable = executable(t)
	}
	leak.Check(t)
	r := NewRuntime(cfg)
	r.Start()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func compile(t testing.TB, r *Runtime, wat string) exec.Program {
	t.Helper()
	p, err := r.Compile(t.Context(), assemble(t, wat))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// message are the limits of a message in tests.
func message(stdin string) exec.Exec {
	return exec.Exec{Args: []string{"run"}, Stdin: []byte(stdin), Memory: 16 << 20, Timeout: time.Minute, Output: 1 << 20}
}

func TestHandlers(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{HandlerSlots: 4})
	p := compile(t, r, wat.Cat)
	if p.MPI() {
		t.Error("it is an MPI program")
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			x := message(strings.Repeat("0123456789", i*1000))
			var lines []string
			x.Stderr = func(line string) { lines = append(lines, line) }
			out := p.Run(t.Context(), x)
			if out.Reason != "" || string(out.Stdout) != string(x.Stdin) || string(out.Stderr) != "done\n" || out.Crash != nil ||
				strings.Join(lines, ",") != "done" || out.Memory != 1<<16 || out.Elapsed <= 0 {
				t.Errorf("%d: %s %s, %d bytes, %q, %v", i, out.Reason, out.Detail, len(out.Stdout), out.Stderr, lines)
			}
		})
	}
	wg.Wait()
	// One more byte than its limit.
	x := message("0123456789")
	x.Output = 9
	if out := p.Run(t.Context(), x); out.Reason != mpi.OutputLimit {
		t.Errorf("%+v", out)
	}
	// More memory or output than the worker was started for has another one started.
	x = message("x")
	x.Memory *= 2
	if out := p.Run(t.Context(), x); out.Reason != "" {
		t.Errorf("%+v", out)
	}
}

func TestHandlerEnds(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, wat.Spin)
	x := message("")
	x.Timeout = 50 * time.Millisecond
	if out := p.Run(t.Context(), x); out.Reason != mpi.TimedOut || out.Crash != nil {
		t.Errorf("%+v", out)
	}
	// The end of the context in time is a time limit too.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if out := p.Run(ctx, message("")); out.Reason != mpi.TimedOut || out.Crash != nil {
		t.Errorf("%+v", out)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if out := p.Run(ctx, message("")); out.Reason != mpi.Cancelled || out.Crash != nil {
		t.Errorf("%+v", out)
	}
	if out := p.Run(ctx, message("")); out.Reason != mpi.Cancelled {
		t.Errorf("%+v", out)
	}
	// A runtime that is closed ends what runs.
	done := make(chan exec.Outcome, 1)
	go func() { done <- p.Run(t.Context(), message("")) }()
	running(t, p)
	r.Close()
	if out := <-done; out.Reason != mpi.Cancelled || out.Crash != nil {
		t.Errorf("%+v", out)
	}
	if out := p.Run(t.Context(), message("")); out.Reason != mpi.Internal {
		t.Errorf("%+v", out)
	}
}

// TestHandlerTime: a message whose time ends with its context ends in the worker, which goes on:
// also after the message has waited for its slot, and when its input was cut off.
func TestHandlerTime(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{Workers: Config{Grace: 10 * time.Millisecond, Silence: time.Minute}})
	spin := compile(t, r, wat.Spin)
	x := message("")
	x.Timeout = 400 * time.Millisecond
	first := make(chan exec.Outcome, 1)
	go func() { first <- spin.Run(t.Context(), x) }()
	running(t, spin)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if out := spin.Run(ctx, message("")); out.Reason != mpi.TimedOut || out.Crash != nil || strings.Contains(out.Detail, "killed") {
		t.Errorf("after another message: %+v", out)
	}
	if out := <-first; out.Reason != mpi.TimedOut || out.Crash != nil {
		t.Errorf("%+v", out)
	}

	cat := compile(t, r, wat.Cat)
	if out := cat.Run(t.Context(), message("x")); out.Reason != "" {
		t.Fatalf("%+v", out)
	}
	cat.(*program).code.handlers.mu.Lock()
	w := cat.(*program).code.handlers.current.w
	cat.(*program).code.handlers.mu.Unlock()
	suspend(t, w.Pid())
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	time.AfterFunc(300*time.Millisecond, func() { unix.Kill(w.Pid(), unix.SIGCONT) })
	x = message(strings.Repeat("x", 8<<20))
	x.Output = 1 << 20
	if out := cat.Run(ctx, x); out.Reason != mpi.TimedOut || out.Crash != nil {
		t.Errorf("input that was cut off: %+v", out)
	}
	if out := cat.Run(t.Context(), message("x")); out.Reason != "" {
		t.Errorf("%+v", out)
	}
}

// running waits until a message of a program runs, and returns its worker.
func running(t *testing.T, p exec.Program) *Worker {
	t.Helper()
	s := &p.(*program).code.handlers
	for {
		s.mu.Lock()
		h := s.current
		s.mu.Unlock()
		if h != nil {
			<-h.ready
			h.mu.Lock()
			n := len(h.units)
			h.mu.Unlock()
			if n > 0 {
				return h.w
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("no message runs")
		}
	}
}

// TestHandlerIdle: a worker without messages ends, and the next message has another.
func TestHandlerIdle(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{Idle: 20 * time.Millisecond})
	p := compile(t, r, wat.Cat)
	for range 3 {
		if out := p.Run(t.Context(), message("x")); out.Reason != "" || string(out.Stdout) != "x" {
			t.Fatalf("%+v", out)
		}
		s := &p.(*program).code.handlers
		s.mu.Lock()
		h := s.current
		s.mu.Unlock()
		if h != nil {
			<-h.over
			if cause := h.w.End().Cause; cause != "" {
				t.Error(cause)
			}
		}
	}
}

func TestHandlerFiles(t *testing.T) {
	r := newRuntime(t, RuntimeConfig{})
	p := compile(t, r, openWAT)
	content := strings.Repeat("0123456789abcdef", 1<<16)
	x := message("")
	x.Files = fstest.MapFS{"d/f": {Data: []byte(content)}}
	x.Output = 2 << 20
	if out := p.Run(t.Context(), x); out.Reason != "" || string(out.Stdout) != content {
		t.Errorf("%s %s, %d bytes", out.Reason, out.Detail, len(out.Stdout))
	}
	x.Files = fstest.MapFS{}
	if out := p.Run(t.Context(), x); out.Reason != mpi.Exited || out.Exit != 44 { // no such file
		t.Errorf("%+v", out)
	}
	x.Files = nil
	if out := p.Run(t.Context(), x); out.Reason != mpi.Exited {
		t.Errorf("%+v", out)
	}
}

func TestCompile(t *testing.T) {
	dir := t.TempDir()
	r := newRuntime(t, RuntimeConfig{CacheDir: dir})
	for name, wasm := range map[string][]byte{
		"it exports no function _start": assemble(t, `(module)`),
		"not a WebAssembly module":      []byte("#!/bin/sh"),
		"a component":                   []byte("\x00asm\x0d\x00\x01\x00"),
	} {
		if _, err := r.Compile(t.Context(), wasm); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewRuntime(RuntimeConfig{MaxModule: 10}).Compile(t.Context(), make([]byte, 11)); err == nil {
		t.Error("a module that is too large")
	}
	// All who ask at once have one compilation.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { compile(t, r, wat.Ranks) })
	}
	wg.Wait()
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	// The next runtime finds it: it needs no worker.
	other := NewRuntime(RuntimeConfig{CacheDir: dir, Workers: Config{Executable: executable(t)}})
	p, err := other.Compile(t.Context(), assemble(t, wat.Ranks))
	if err != nil || !p.MPI() {
		t.Fatal(err)
	}
	p.Close()
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if _, err := other.Compile(t.Context(), assemble(t, wat.Ranks)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestCompileLimits: a compilation that takes too long, or too much, says so.
func TestCompileLimits(t *testing.T) {
	slow := assemble(t, slowWAT(60000))
	r := newRuntime(t, RuntimeConfig{CompileTime: 100 * time.Millisecond})
	if _, err := r.Compile(t.Context(), slow); err == nil || err.Error() != "wasm: compile: it was not compiled within 100ms" {
		t.Error(err)
	}
	// Nobody waits any more: its worker is gone at once, and the next one is not in its way.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Compile(ctx, slow); err != context.DeadlineExceeded {
		t.Error(err)
	}
	small := newRuntime(t, RuntimeConfig{CompileMemory: 200 << 20, Workers: Config{Watch: 10 * time.Millisecond}})
	if _, err := small.Compile(t.Context(), slow); err == nil || err.Error() != "wasm: compile: it took more than 200 MiB to compile" {
		t.Error(err)
	}
	compile(t, small, wat.Cat)
}
