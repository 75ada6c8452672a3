package wasm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
)

// TestStopped: the end of the rankGroup's context ends ranks, whatever they do, and soon.
func TestStopped(t *testing.T) {
	ready := make(chan struct{}, 1)
	note := func(*library, string, []uint64) (uint64, error) { ready <- struct{}{}; return 0, nil }
	tell := "(drop (call $rank (i32.const 0) (i32.const 0)))"
	poll := `(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))`
	for name, wat := range map[string]string{
		"computes":           rankWAT("", tell+"(loop $l (br $l))"),
		"calls a leaf":       rankWAT("", tell+"(loop $l (call $leaf) (br $l))) (func $leaf"),
		"sleeps":             rankWAT(poll, tell+"(i64.store (i32.const 24) (i64.const -1)) (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))"),
		"calls":              rankWAT("", tell+"(loop $l (drop (call $size (i32.const 0) (i32.const 0))) (br $l))"),
		"calls and calls":    rankWAT("", tell+"(call $two (i32.const 60))) (func $two (param i32) (if (local.get 0) (then (call $two (i32.sub (local.get 0) (i32.const 1))) (call $two (i32.sub (local.get 0) (i32.const 1)))))"),
		"calls in its place": rankWAT("", tell+"(call $tail)) (func $tail (return_call $tail)"),
		"jumps by a table":   rankWAT("", tell+"(loop $l (block $b (br_table $l $b $l (i32.const 7))))"),
		"fills":              rankWAT("", tell+"(drop (memory.grow (i32.const 1000))) "+strings.Repeat("(call $leaf) ", 3000)+") (func $leaf "+strings.Repeat("(memory.fill (i32.const 0) (i32.const 0) (i32.const 65000000))", 30)),
		"calls a long leaf":  rankWAT("", tell+strings.Repeat("(call $leaf) ", 50_000)+") (global $x (mut f64) (f64.const 3)) (func $leaf (global.get $x) "+strings.Repeat("f64.sqrt ", 10_000)+"(global.set $x)"),
		"returns": rankWAT("", "(call $f)) (global $n (mut i32) (i32.const 2000)) (global $x (mut f64) (f64.const 3)) (func $leaf (global.get $x) "+strings.Repeat("f64.sqrt ", 58)+
			" (global.set $x)) (func $f (global.set $n (i32.sub (global.get $n) (i32.const 1))) (if (global.get $n) (then (call $f)) (else "+tell+"))"+
			strings.Repeat("(block "+strings.Repeat("(call $leaf) ", 12)+"(br 0) "+strings.Repeat("nop ", 217)+")", 200)),
		"begins":              rankWAT("(start $begin) ", ") (func $begin "+tell+"(loop $l (br $l))"),
		"loops in a callback": strings.Replace(callbackWAT(8), "(i32.store (i32.const 0)", tell+"(i32.store (i32.const 0)", 1),
	} {
		t.Run(name, func(t *testing.T) {
			leak.Check(t)
			r := newRuntime(t)
			ctx, cancel := context.WithCancelCause(context.Background())
			g := groupOf(t, r, ctx, wat)
			x := execLimits()
			x.MPI = &library{do: func(l *library, name string, args []uint64) (uint64, error) {
				switch name {
				case "MPI_Comm_rank":
					return note(l, name, args)
				case "MPI_Op_create":
					return l.Invoke(uint32(args[0]), 1, 2, 3, 4)
				}
				return 0, nil
			}}
			out := make(chan exec.Outcome, 1)
			go func() { out <- g.Run(x) }()
			<-ready
			runtime.Gosched()
			start := time.Now()
			cancel(errors.New("rank 2 trapped"))
			var o exec.Outcome
			select {
			case o = <-out:
			case <-time.After(4 * slack):
				t.Fatal("it goes on")
			}
			if o.Reason != mpi.Cancelled || o.Detail != "rank 2 trapped" {
				t.Errorf("%s: %s", o.Reason, o.Detail)
			}
			if d := time.Since(start); d > slack {
				t.Errorf("it took %v", d)
			}
			if o := g.Run(x); o.Reason != mpi.Cancelled {
				t.Errorf("the next: %+v", o)
			}
		})
	}
}

// TestStoppedInACall: a rank that is in a call of the host when it is stopped gets no further one,
// in a callback neither.
func TestStoppedInACall(t *testing.T) {
	size := "(drop (call $size (i32.const 0) (i32.const 0)))"
	for name, wat := range map[string]string{
		"":              rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0))) "+size),
		"in a callback": strings.Replace(callbackWAT(8), "(loop $l (br $l))", "(drop (call $rank (i32.const 0) (i32.const 0))) "+size, 1),
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		g := groupOf(t, newRuntime(t), ctx, wat)
		calls := 0
		x := execLimits()
		x.MPI = &library{do: func(l *library, name string, args []uint64) (uint64, error) {
			switch calls++; name {
			case "MPI_Op_create":
				return l.Invoke(uint32(args[0]), 1, 2, 3, 4)
			case "MPI_Comm_rank":
				cancel(errors.New("rank 2 trapped"))
				g.(*rankGroup).watch.Wait() // the flag is set
			default:
				t.Errorf("%s is called", name)
			}
			return 0, nil
		}}
		if o := g.Run(x); o.Reason != mpi.Cancelled || o.Detail != "rank 2 trapped" || calls == 0 {
			t.Errorf("%s: %s: %s; %d calls", name, o.Reason, o.Detail, calls)
		}
	}
}

// TestOtherGroupGoesOn: a stop flag stops the ranks of its own group alone.
func TestOtherGroupGoesOn(t *testing.T) {
	r := newRuntime(t)
	loop := rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0))) (loop $l (br_if $l (i32.eqz (i32.load (i32.const 0)))))")
	run := func(ctx context.Context) (out chan exec.Outcome, mem []byte) {
		g := groupOf(t, r, ctx, loop)
		x := execLimits()
		started := make(chan []byte)
		x.MPI = &library{do: func(l *library, _ string, _ []uint64) (uint64, error) { started <- l.Memory(); return 0, nil }}
		out = make(chan exec.Outcome, 1)
		go func() { out <- g.Run(x) }()
		return out, <-started
	}
	kept, mem := run(context.Background())
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		out, _ := run(ctx)
		cancel()
		if o := <-out; o.Reason != mpi.Cancelled || o.Detail != "the job was ended" {
			t.Errorf("%+v", o)
		}
	}
	select {
	case o := <-kept:
		t.Fatalf("the other ended: %+v", o)
	default:
	}
	mem[0] = 1
	if o := <-kept; o.Reason != "" {
		t.Errorf("%+v", o)
	}
}

// TestRuntimeClosesGroups: the end of the runtime ends ranks.
func TestRuntimeClosesGroups(t *testing.T) {
	leak.Check(t)
	r := New(Config{})
	g := groupOf(t, r, context.Background(), rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0))) (loop $l (br $l))"))
	ready := make(chan struct{})
	x := execLimits()
	x.MPI = &library{do: func(*library, string, []uint64) (uint64, error) { close(ready); return 0, nil }}
	out := make(chan exec.Outcome, 1)
	go func() { out <- g.Run(x) }()
	<-ready
	r.Close()
	if o := <-out; o.Reason != mpi.Cancelled || o.Detail != "this node is stopping" {
		t.Errorf("%+v", o)
	}
	if o := g.Run(x); o.Reason == "" {
		t.Errorf("%+v", o)
	}
	g.Close()
}
