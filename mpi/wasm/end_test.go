package wasm

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// bombName is a function's name which takes all memory to demangle: each type is a thousand of the
// one before.
func bombName() string {
	name := "_Z1fI1aI" + strings.Repeat("i", 1000) + "E"
	for i, s := range []string{"S0_", "S2_", "S4_"} {
		name += fmt.Sprintf("1%cI", 'b'+i) + strings.Repeat(s, 1000) + "E"
	}
	return name + "Evv"
}

// TestHostileNames ends programs in each way, in a function whose name must not be demangled.
func TestHostileNames(t *testing.T) {
	const poll = `(drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`
	r := newRuntime(t)
	for name, tt := range map[string]struct {
		body   string
		reason mpi.Reason
	}{
		"exits":  {"(call $exit (i32.const 3))", mpi.Exited},
		"floods": {"(loop $l (drop (call $write (i32.const 1) (i32.const 200) (i32.const 1) (i32.const 128))) (br $l))", mpi.OutputLimit},
		"sleeps": {"(i64.store (i32.const 24) (i64.const -1))" + poll, mpi.TimedOut},
		"loops":  {"(loop $l (br $l))", mpi.TimedOut},
		"traps":  {"unreachable", mpi.Trapped},
	} {
		p := compile(t, r, fmt.Sprintf(`(module
		  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
		  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
		  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
		  (memory (export "memory") 1) (data (i32.const 204) "\ff")
		  (func $"%s" %s) (func (export "_start") (call $"%[1]s")))`, bombName(), tt.body))
		x := execLimits()
		x.Output, x.Timeout = 100, 50*time.Millisecond
		if name == "floods" || name == "exits" || name == "traps" {
			x.Timeout = time.Minute
		}
		out := p.Run(context.Background(), x)
		if out.Reason != tt.reason || len(out.Detail) > 1000 {
			t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
		}
		if name != "sleeps" {
			continue
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel) // before it sleeps, or within
		x.Timeout = time.Hour
		if out := p.Run(ctx, x); out.Reason != mpi.Cancelled || len(out.Detail) > 1000 {
			t.Errorf("cancelled: %s: %s", out.Reason, out.Detail)
		}
	}
}

// TestHostileRankNames ends ranks in such a function: as MPI_Abort does, and with their job while
// they sleep and while they compute.
func TestHostileRankNames(t *testing.T) {
	r := newRuntime(t)
	for name, tt := range map[string]struct {
		body   string
		reason mpi.Reason
	}{
		"aborts": {"(drop (call $rank (i32.const 0) (i32.const 0)))", mpi.Aborted},
		"sleeps": {"(i64.store (i32.const 24) (i64.const -1)) (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))", mpi.Cancelled},
		"loops":  {"(loop $l (br $l))", mpi.Cancelled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wat := fmt.Sprintf(`(module
		  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
		  (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))
		  (memory (export "memory") 1)
		  (func $"%s" %s) (func (export "_start") (call $"%[1]s")))`, bombName(), tt.body)
		x := execLimits()
		x.MPI = &library{do: func(*library, string, []uint64) (uint64, error) {
			return 0, &exec.ExitError{Reason: mpi.Aborted, Exit: 1, Detail: "it called MPI_Abort"}
		}}
		if tt.reason == mpi.Cancelled {
			time.AfterFunc(10*time.Millisecond, cancel)
		}
		if out := groupOf(t, r, ctx, wat).Run(x); out.Reason != tt.reason || len(out.Detail) > 1000 {
			t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
		}
	}
}

// TestHostileHandlers ends handlers that never call the host at their time, and with their caller.
func TestHostileHandlers(t *testing.T) {
	r := newRuntime(t)
	for name, body := range map[string]string{
		"a loop":   "(loop $l (br $l))",
		"fills":    strings.Repeat("(memory.fill (i32.const 0) (i32.const 0) (i32.const 65000000)) ", 10_000),
		"copies":   strings.Repeat("(memory.copy (i32.const 1) (i32.const 0) (i32.const 65000000)) ", 10_000),
		"in begin": ")(start $begin) (func $begin (loop $l (br $l))",
	} {
		p := compile(t, r, `(module (memory (export "memory") 1000) (func (export "_start") `+body+`))`)
		x := execLimits()
		x.Timeout, x.Memory = 30*time.Millisecond, 100<<20
		if out := p.Run(context.Background(), x); out.Reason != mpi.TimedOut || !strings.Contains(out.Detail, "still running") {
			t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
		} else if out.Elapsed > slack {
			t.Errorf("%s: it took %v", name, out.Elapsed)
		}
		ctx, cancel := context.WithCancel(context.Background())
		x.Timeout = time.Hour
		done := make(chan exec.Outcome)
		go func() { done <- p.Run(ctx, x) }()
		cancel()
		if out := <-done; out.Reason != mpi.Cancelled {
			t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
		}
	}
}

// TestNoMemory runs a program that has none.
func TestNoMemory(t *testing.T) {
	p := compile(t, newRuntime(t), `(module (func (export "_start") (loop $l (br $l))))`)
	x := execLimits()
	x.Timeout = 20 * time.Millisecond
	if out := p.Run(context.Background(), x); out.Reason != mpi.TimedOut || out.Memory != 0 {
		t.Errorf("%+v", out)
	}
}
