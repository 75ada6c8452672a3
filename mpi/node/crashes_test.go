package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// crashing is an engine whose handlers crash their worker while they are to.
type crashing struct {
	exec.Runtime
	on *atomic.Bool
}

func (r crashing) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	p, err := r.Runtime.Compile(ctx, wasm)
	return crashingProgram{p, r.on}, err
}

type crashingProgram struct {
	exec.Program
	on *atomic.Bool
}

func (p crashingProgram) Run(ctx context.Context, x exec.Exec) exec.Outcome {
	if p.on.Load() {
		return exec.Outcome{Reason: mpi.Internal, Detail: "the worker crashed", Crash: &exec.Crash{Cause: "the worker crashed"}}
	}
	return p.Program.Run(ctx, x)
}

// A program that crashes its worker three times is set aside, for messages and for jobs, until its
// owner clears it.
func TestCrashedProgramIsSetAside(t *testing.T) {
	var on atomic.Bool
	n := start(t, 1, func(_ int, c *Config) { c.Runtime = crashing{c.Runtime, &on} })[0]
	id := cidOf("guest")
	on.Store(true)
	for range maxCrashes {
		if s := n.Interpreters()[0]; s.State != mpi.Ready {
			t.Fatalf("it is %s: %s", s.State, s.Error)
		}
		if got, _ := do(t, n, n.Self(), "echo x"); len(got.Failures) != 1 || got.Failures[0].Reason != mpi.Internal {
			t.Fatalf("%+v", got)
		}
	}
	on.Store(false)
	got, _ := do(t, n, n.Self(), "echo x")
	if len(got.Failures) != 1 || got.Failures[0].Reason != mpi.NotServed || !strings.Contains(got.Failures[0].Detail, "set aside: it crashed its worker three times") {
		t.Errorf("a message: %+v", got)
	}
	if why, detail := n.RunsRanks(id, true); why != mpi.NotServed || !strings.Contains(detail, "set aside") {
		t.Errorf("ranks: %s: %s", why, detail)
	}
	if s := n.programs.list()[0]; s.State != mpi.Failing || !strings.Contains(s.Error, "set aside") {
		t.Errorf("it is %s: %s", s.State, s.Error)
	}
	if c := n.totals.crashed.Load(); c != maxCrashes {
		t.Errorf("%d crashes are counted", c)
	}
	if !n.Clear(id) || n.Clear(id) {
		t.Error("it was not cleared once")
	}
	if got, err := do(t, n, n.Self(), "echo x"); err != nil {
		t.Errorf("once it is cleared: %+v, %v", got, err)
	}
}

// Crashes of more programs than are counted forget those that crashed least.
func TestCrashesAreBounded(t *testing.T) {
	c := crashes{}
	for range maxCrashes {
		c.add("bad")
	}
	for i := range 2 * maxCrashed {
		c.add(mpi.CID(fmt.Sprint(i)))
	}
	if len(c) > maxCrashed || !strings.Contains(c.aside("bad"), "three times") || c.aside("0") != "" {
		t.Errorf("%d programs are counted, and the one set aside is: %q", len(c), c.aside("bad"))
	}
}

// compilerCrashes is an engine whose compiler crashes while it is to.
type compilerCrashes struct {
	exec.Runtime
	on *atomic.Bool
}

func (r compilerCrashes) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	if r.on.Load() {
		return nil, fmt.Errorf("wasm: compile: %w", &exec.Crash{Cause: "the worker crashed: aborted", Said: "why"})
	}
	return r.Runtime.Compile(ctx, wasm)
}

// A program that crashes its compiler is counted and logged with the cause. One of the store is
// compiled again once its owner has cleared it.
func TestCrashesOfTheCompiler(t *testing.T) {
	var on atomic.Bool
	var log syncBuffer
	n := start(t, 1, func(_ int, c *Config) {
		c.Runtime = compilerCrashes{c.Runtime, &on}
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
	})[0]
	id := cidOf("guest")
	on.Store(true)
	n.programs.mu.Lock() // as if it had come into the store only now
	p := n.programs.all[id]
	n.programs.retire(p)
	again := n.programs.add(id)
	again.names = p.names
	again.own()
	n.programs.mu.Unlock()
	for n.programs.list()[0].State != mpi.Failing {
		time.Sleep(time.Millisecond)
	}
	if c := n.totals.crashed.Load(); c != 1 {
		t.Errorf("%d crashes are counted", c)
	}
	for _, want := range []string{"a program crashed its worker", string(id), `cause="the worker crashed: aborted"`, "said=why"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log.String())
		}
	}
	on.Store(false)
	if !n.Clear(id) {
		t.Error("there is nothing to clear")
	}
	for n.programs.list()[0].State != mpi.Ready {
		time.Sleep(time.Millisecond)
	}
}

// initCrashes is an engine whose programs crash while they are to, and else end well.
type initCrashes struct{ crashing }

func (r initCrashes) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	p, err := r.Runtime.Compile(ctx, wasm)
	return initProgram{crashingProgram{p, r.on}}, err
}

type initProgram struct{ crashingProgram }

func (p initProgram) Run(ctx context.Context, x exec.Exec) exec.Outcome {
	if p.on.Load() {
		return p.crashingProgram.Run(ctx, x)
	}
	return exec.Outcome{}
}

// A program of the store whose init.wasm crashed is prepared again once its owner has cleared it.
func TestCrashesOfInit(t *testing.T) {
	var on atomic.Bool
	id := cidOf("init")
	n := start(t, 1, func(_ int, c *Config) {
		c.Runtime = initCrashes{crashing{c.Runtime, &on}}
		s := c.Store.(*fakeStore)
		s.world[id] = &mpi.Bundle{Run: guest, Init: guest}
		c.Store = &lateStore{s, mpi.Interpreter{Name: "init", Version: "1.0.0", CID: id}}
	})[0]
	on.Store(true)
	n.cfg.Store.(*lateStore).add()
	is := func(want mpi.State) func() bool {
		return func() bool {
			for _, s := range n.Interpreters() {
				if s.CID == id {
					return s.State == want
				}
			}
			return false
		}
	}
	await(t, n, is(mpi.Failing))
	on.Store(false)
	if !n.Clear(id) {
		t.Error("there is nothing to clear")
	}
	await(t, n, is(mpi.Ready))
}

// syncBuffer is a buffer for many goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
