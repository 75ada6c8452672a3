package wasm

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
)

const loopWAT = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`

// openWAT opens "f" below "/" and exits with the errno.
const openWAT = `(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "f")
  (func (export "_start") (call $exit
    (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))))`

// sleepWAT sleeps for 584 years.
const sleepWAT = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 24) "\ff\ff\ff\ff\ff\ff\ff\ff")
  (func (export "_start") (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`

// yieldWAT calls the host for ever.
const yieldWAT = `(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (loop $l (drop (call $yield)) (br $l))))`

func TestNewDoesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir() + "/cache"
	r := New(Config{CacheDir: dir})
	if leak.NoMore(t, before); r.engines != [engineKinds]*native.Engine{} {
		t.Error("there is an engine")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory was made")
	}
}

func TestManyAtOnce(t *testing.T) {
	leak.Check(t)
	r := New(Config{})
	p := compile(t, r, catWAT)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				x := execLimits()
				x.Stdin = []byte(fmt.Sprint(i, j))
				if j%2 == 0 {
					x.Files = fstest.MapFS{}
				}
				if out := p.Run(context.Background(), x); string(out.Stdout) != string(x.Stdin) {
					t.Errorf("%q: %q %q %q", x.Stdin, out.Stdout, out.Reason, out.Detail)
				}
			}
		})
	}
	wg.Wait()
	r.Close()
}

func TestCancelAtHostCall(t *testing.T) {
	for name, wat := range map[string]string{"sleep": sleepWAT, "yield": yieldWAT} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, newRuntime(t), wat)
			for _, files := range []fs.FS{nil, fstest.MapFS{}} {
				ctx, cancel := context.WithCancel(context.Background())
				x := execLimits()
				x.Files = files
				time.AfterFunc(20*time.Millisecond, cancel)
				if out := p.Run(ctx, x); out.Reason != mpi.Cancelled || out.Detail != "cancelled while it ran" || out.Elapsed > 30*time.Second {
					t.Errorf("Reason %q, Detail %q after %v", out.Reason, out.Detail, out.Elapsed)
				}
				if out := p.Run(ctx, x); out.Reason != mpi.Cancelled {
					t.Errorf("Reason %q of what was cancelled before", out.Reason)
				}
			}
		})
	}
}

func TestContextDeadline(t *testing.T) {
	r := newRuntime(t)
	for name, wat := range map[string]string{"loop": loopWAT, "sleep": sleepWAT, "yield": yieldWAT} {
		p := compile(t, r, wat)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		if out := p.Run(ctx, execLimits()); out.Reason != mpi.TimedOut || out.Elapsed > 30*time.Second {
			t.Errorf("%s: Reason %q, Detail %q after %v", name, out.Reason, out.Detail, out.Elapsed)
		}
		if out := p.Run(ctx, execLimits()); out.Reason != mpi.TimedOut {
			t.Errorf("%s: Reason %q of what is late", name, out.Reason)
		}
		cancel()
	}
}

func TestLimitsAreNeeded(t *testing.T) {
	p := compile(t, newRuntime(t), catWAT)
	for _, x := range []exec.Exec{{}, {Memory: 1 << 20}, {Timeout: time.Second}, {Memory: 1 << 20, Timeout: time.Second, Output: -1}} {
		if out := p.Run(context.Background(), x); out.Reason != mpi.Internal {
			t.Errorf("%+v: Reason %q", x, out.Reason)
		}
	}
}

// waitingFS waits in Open until it is let go.
type waitingFS struct {
	fstest.MapFS
	in, out chan struct{}
}

func (w waitingFS) Lstat(name string) (fs.FileInfo, error) {
	w.in <- struct{}{}
	<-w.out
	return w.MapFS.Lstat(name)
}

func TestWaitingForAFile(t *testing.T) {
	leak.Check(t)
	for _, tt := range []struct {
		name   string
		reason mpi.Reason
		detail string
	}{
		{"time", mpi.TimedOut, "still waiting for a file after its limit of 30ms"},
		{"cancel", mpi.Cancelled, "cancelled while it ran"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := New(Config{})
			p := compile(t, r, openWAT)
			w := waitingFS{fstest.MapFS{"f": {}}, make(chan struct{}, 1), make(chan struct{})}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			x := execLimits()
			x.Files = w
			if tt.reason == mpi.TimedOut {
				x.Timeout = 30 * time.Millisecond
			} else {
				go func() { <-w.in; cancel() }()
			}
			out := p.Run(ctx, x)
			if out.Reason != tt.reason || out.Detail != tt.detail {
				t.Errorf("Reason %q, Detail %q", out.Reason, out.Detail)
			}
			closed := make(chan struct{})
			go func() { r.Close(); close(closed) }()
			select {
			case <-closed:
				t.Error("closed while an instance waits for its files")
			case <-time.After(10 * time.Millisecond):
			}
			close(w.out)
			<-closed
		})
	}
}

type panickyFS struct{}

func (panickyFS) Open(string) (fs.File, error) { panic("a bug of ours") }

func TestHostPanic(t *testing.T) {
	var log strings.Builder
	r := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer r.Close()
	p := compile(t, r, openWAT)
	x := execLimits()
	x.Files = panickyFS{}
	out := p.Run(context.Background(), x)
	if out.Reason != mpi.Internal || strings.Contains(out.Detail, "bug") || !strings.Contains(out.Detail, "path_open") {
		t.Errorf("Reason %q, Detail %q", out.Reason, out.Detail)
	}
	if !strings.Contains(log.String(), "a bug of ours") {
		t.Errorf("log: %s", log.String())
	}
	x.Files = fstest.MapFS{"f": {}}
	if out := p.Run(context.Background(), x); out.Reason != "" {
		t.Errorf("the next run: Reason %q, Detail %q", out.Reason, out.Detail)
	}
}

// TestClose closes the runtime under programs that would go on for ever.
func TestClose(t *testing.T) {
	leak.Check(t)
	r := New(Config{})
	out := make(chan exec.Outcome, 3)
	var last exec.Program
	for _, wat := range []string{loopWAT, sleepWAT, yieldWAT} {
		p := compile(t, r, wat)
		last = p
		x := execLimits()
		x.Timeout = 100 * time.Hour
		go func() { out <- p.Run(context.Background(), x) }()
	}
	for { // until all of them run
		r.mu.Lock()
		n := len(r.handlers)
		r.mu.Unlock()
		if n == 3 {
			break
		}
		runtime.Gosched()
	}
	r.Close()
	for range 3 {
		if o := <-out; o.Reason != mpi.Cancelled || o.Detail != "this node is stopping" {
			t.Errorf("Reason %q, Detail %q", o.Reason, o.Detail)
		}
	}
	if o := last.Run(context.Background(), execLimits()); o.Reason != mpi.Internal {
		t.Errorf("Run after Close: Reason %q", o.Reason)
	}
	if _, err := r.Compile(t.Context(), assemble(t, loopWAT)); err == nil {
		t.Error("Compile after Close works")
	}
	if err := last.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestProgramClose(t *testing.T) {
	r := newRuntime(t)
	p := compile(t, r, sleepWAT)
	q := compile(t, r, sleepWAT) // shares the code
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan exec.Outcome, 1)
	go func() { out <- p.Run(ctx, execLimits()) }()
	for n := 0; n == 0; runtime.Gosched() {
		r.mu.Lock()
		n = len(r.handlers)
		r.mu.Unlock()
	}
	closed := make(chan struct{})
	go func() { p.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("closed while an instance runs")
	case <-time.After(10 * time.Millisecond):
	}
	if o := p.Run(ctx, execLimits()); o.Reason != mpi.Internal {
		t.Errorf("Run after Close: Reason %q", o.Reason)
	}
	cancel()
	if o := <-out; o.Reason != mpi.Cancelled {
		t.Errorf("Reason %q", o.Reason)
	}
	<-closed
	p.Close()
	if len(r.codes) != 1 {
		t.Errorf("%d modules, and another program uses one", len(r.codes))
	}
	q.Close()
	if len(r.codes) != 0 {
		t.Errorf("%d modules are left", len(r.codes))
	}
}

// One module is looked into at a time: each may take much memory.
func TestInspectOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{})
		r.inspecting <- struct{}{} // somebody does
		ended := make(chan error, 1)
		go func() {
			_, err := r.Compile(context.Background(), []byte("\x00asm\x01\x00\x00\x00"))
			ended <- err
		}()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Errorf("a second module is looked into: %v", err)
		default:
			<-r.inspecting
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "it exports no function _start") {
				t.Error(err)
			}
		}
		r.Close()
	})
}

// TestCompileOnce asks for one module many times at once: it is compiled once.
func TestCompileOnce(t *testing.T) {
	r := newRuntime(t)
	bin := assemble(t, catWAT)
	r.compiling <- struct{}{} // nobody can compile yet
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for i := range 8 {
		wg.Go(func() {
			c := context.Background()
			if i%2 == 0 {
				c = ctx
			}
			p, err := r.Compile(c, bin)
			if i%2 == 0 {
				if err != context.Canceled {
					t.Errorf("cancelled: %v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if out := p.Run(c, execLimits()); out.Reason != "" {
				t.Error(out.Detail)
			}
			p.Close()
		})
	}
	for n := 0; n < 8; runtime.Gosched() {
		r.mu.Lock()
		n = 0
		for _, f := range r.flights {
			n += f.waiters
		}
		if len(r.flights) > 1 {
			t.Errorf("%d compilations", len(r.flights))
		}
		r.mu.Unlock()
	}
	cancel()
	for n := 8; n > 4; runtime.Gosched() {
		r.mu.Lock()
		for _, f := range r.flights {
			n = f.waiters
		}
		r.mu.Unlock()
	}
	<-r.compiling
	wg.Wait()
	r.builds.Wait()
	if len(r.codes) != 0 {
		t.Errorf("%d modules are left", len(r.codes))
	}
}

// TestMemoryStays grows the memory between two calls of the host, as far as it goes, and
// checks what [instance.Call] relies on: it is found where it was, and its new part is seen.
func TestMemoryStays(t *testing.T) {
	p := compile(t, newRuntime(t), `(module
	  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
	  (memory (export "memory") 1)
	  (data (i32.const 0) "\40\00\00\00\03\00\00\00\fd\ff\ff\3f\03\00\00\00")
	  (data (i32.const 64) "abc")
	  (func $say (param i32) (if (call $write (i32.const 1) (local.get 0) (i32.const 1) (i32.const 32)) (then unreachable)))
	  (func (export "_start")
	    (call $say (i32.const 0))
	    (if (i32.ne (memory.grow (i32.const 0x3fff)) (i32.const 1)) (then unreachable))
	    (i32.store16 (i32.const 0x3ffffffd) (i32.const 0x6564))
	    (i32.store8 (i32.const 0x3fffffff) (i32.const 0x66))
	    (call $say (i32.const 8))
	    (i32.store8 (i32.const 64) (i32.const 0x41))
	    (call $say (i32.const 0))))`)
	out := p.Run(context.Background(), exec.Exec{Memory: 1 << 30, Timeout: time.Minute, Output: 100})
	if string(out.Stdout) != "abcdefAbc" || out.Memory != 1<<30 {
		t.Errorf("%q, Reason %q, Detail %q", out.Stdout, out.Reason, out.Detail)
	}
}
