package wasm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
)

// library is a [exec.Library] of a test: do answers the calls.
type library struct {
	exec.Guest
	do     func(l *library, name string, args []uint64) (uint64, error)
	calls  int
	closed int
}

func (l *library) Attach(g exec.Guest) { l.Guest = g }
func (l *library) Close()              { l.closed++ }
func (l *library) Call(f int, args []uint64) (uint64, error) {
	l.calls++
	return l.do(l, abi.Functions[f].Name, args)
}

// ignore answers every call with MPI_SUCCESS.
func ignore(*library, string, []uint64) (uint64, error) { return 0, nil }

// groupOf compiles an MPI program and makes a rankGroup that ends with the test.
func groupOf(t testing.TB, r *Runtime, ctx context.Context, wat string) exec.Instances {
	t.Helper()
	g, err := compile(t, r, wat).(exec.MPIProgram).Instances(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// runOn runs one rank on a library.
func runOn(t testing.TB, wat string, l *library) exec.Outcome {
	t.Helper()
	return runWith(t, newRuntime(t), wat, l)
}

func runWith(t testing.TB, r *Runtime, wat string, l *library) exec.Outcome {
	t.Helper()
	x := execLimits()
	x.MPI = l
	return groupOf(t, r, context.Background(), wat).Run(x)
}

// rankWAT is a program that imports functions of MPI: a list of import fields, and the body of
// _start.
func rankWAT(imports, body string) string {
	return `(module
  ` + imports + `
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))
  (import "env" "MPI_Comm_size" (func $size (param i32 i32) (result i32)))
  (type $op (func (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func $main (export "_start") ` + body + `))`
}

// TestArguments passes a value of each kind through every parameter, and back.
func TestArguments(t *testing.T) {
	// One parameter after another: 1, 2, 3, … for what has 32 bits with the sign bit set, 64 bits
	// with the same in the upper half.
	value := func(i int, c byte) uint64 {
		switch c {
		case 'c':
			return uint64(i+1)<<60 | 0x8000_0000 | uint64(i)
		case 'd':
			return math.Float64bits(-1.5 * float64(i+1))
		}
		return 0x8000_0000 | uint64(i)
	}
	r := newRuntime(t)
	for i := range abi.Functions {
		f := &abi.Functions[i]
		wat, push := "", ""
		for k, c := range []byte(f.Params) {
			switch v := value(k, c); c {
			case 'c':
				wat += "i64 "
				push += fmt.Sprintf("(i64.const %d) ", int64(v))
			case 'd':
				wat += "f64 "
				push += fmt.Sprintf("(f64.const %v) ", math.Float64frombits(v))
			default:
				wat += "i32 "
				push += fmt.Sprintf("(i32.const %d) ", int32(v))
			}
		}
		result, check := "i32", "(i32.const 0x87654321) (i32.ne)"
		if f.Result == 'd' {
			result, check = "f64", "(f64.const 2.25) (f64.ne)"
		}
		wat = fmt.Sprintf(`(module (import "env" %q (func $f (param %s) (result %s))) (memory (export "memory") 1)
			(func (export "_start") %s (call $f) %s (if (then unreachable))))`, f.Name, wat, result, push, check)
		l := &library{do: func(_ *library, name string, args []uint64) (uint64, error) {
			if name != f.Name || len(args) != len(f.Params) {
				t.Errorf("%s is called with %d arguments for %s", name, len(args), f.Name)
			}
			for k := range args {
				if want := value(k, f.Params[k]); args[k] != want {
					t.Errorf("%s: argument %d is %#x, not %#x", f.Name, k, args[k], want)
				}
				args[k] = 0xdead // they are ours
			}
			if f.Result == 'd' {
				return math.Float64bits(2.25), nil
			}
			return 0x87654321, nil
		}}
		// a third of them: the rest is alike
		if i%8 == 0 || strings.ContainsAny(f.Params, "cd") || f.Result == 'd' || len(f.Params) > 8 {
			if out := runWith(t, r, wat, l); out.Reason != "" || l.calls != 1 || l.closed != 1 {
				t.Errorf("%s: %s %s; %d calls", f.Name, out.Reason, out.Detail, l.calls)
			}
		}
	}
}

const callback = `(import "env" "MPI_Op_create" (func $create (param i32 i32 i32) (result i32)))
  (table 10 funcref)
  (elem (i32.const 1) $sum $trap $float $two $again $quit $none $loop $deep)
  (func $sum (param i32 i32 i32 i32) (result i32) (i32.sub (i32.add (local.get 0) (local.get 1)) (i32.mul (local.get 2) (local.get 3))))
  (func $trap (param i32 i32 i32 i32) unreachable)
  (func $float (param i32 i32 i32 f64))
  (func $two (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $again (param i32 i32 i32 i32) (drop (call $create (local.get 0) (i32.const 0) (i32.const 0))))
  (func $quit (param i32 i32 i32 i32) (call $exit (i32.const 9)))
  (func $none)
  (func $loop (param i32 i32 i32 i32) (loop $l (br $l)))
  (func $deep (param i32 i32 i32 i32) (call $deep (local.get 0) (local.get 1) (local.get 2) (local.get 3)) (i32.store (i32.const 4) (local.get 3)))`

// callbackWAT has $create call function n back.
func callbackWAT(n int) string {
	parts := strings.SplitN(callback, "(table", 2)
	return strings.Replace(rankWAT(parts[0], fmt.Sprintf("(i32.store (i32.const 0) (call $create (i32.const %d) (i32.const 0) (i32.const 0)))", n)),
		"(memory", "(table"+parts[1]+"\n(memory", 1)
}

func TestCallbacks(t *testing.T) {
	for n, tt := range map[int]struct {
		result uint32
		reason mpi.Reason
		exit   int
		detail string
	}{
		1:  {result: 0xffff_fff7}, // 3 + 4 - 4*4
		4:  {result: 7},           // it takes fewer
		7:  {result: 0},           // it returns nothing, and takes nothing
		2:  {reason: mpi.Trapped, detail: "unreachable code reached (abort or panic) in trap ← main"},
		3:  {reason: mpi.Trapped, detail: "calls back function 3: it is a function of another type"},
		5:  {reason: mpi.Trapped, detail: "callbacks of MPI functions call each other without end"},
		6:  {reason: mpi.Exited, exit: 9, detail: "exit code 9"},
		0:  {reason: mpi.Trapped, detail: "calls back function 0: it is a null function pointer"},
		9:  {reason: mpi.Trapped, detail: "stack overflow (6 MiB) in deep"},
		10: {reason: mpi.Trapped, detail: "no such element"},
		-1: {reason: mpi.Trapped, detail: "no such element"},
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var got uint64
			l := &library{do: func(l *library, _ string, args []uint64) (v uint64, err error) {
				if n == 5 {
					return l.Invoke(5, 5, 4, 4, 4)
				}
				got, err = l.Invoke(uint32(args[0]), 3, 4, 4, 4)
				return got, err
			}}
			out := runOn(t, callbackWAT(n), l)
			if out.Reason != tt.reason || out.Exit != tt.exit || !strings.Contains(out.Detail, tt.detail) || uint32(got) != tt.result || l.closed != 1 {
				t.Errorf("%s, exit %d: %s; the function returned %#x", out.Reason, out.Exit, out.Detail, got)
			}
		})
	}
}

// TestCallbackErrorIsFinal: a library that hides a trap of a callback does not keep the program
// alive.
func TestCallbackErrorIsFinal(t *testing.T) {
	l := &library{do: func(l *library, _ string, args []uint64) (uint64, error) {
		l.Invoke(uint32(args[0]), 1, 2, 3, 4)
		return 0, nil
	}}
	if out := runOn(t, callbackWAT(2), l); out.Reason != mpi.Trapped || !strings.Contains(out.Detail, "in trap") {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}

func TestLibraryErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		reason mpi.Reason
		exit   int
		detail string
	}{
		{&exec.ExitError{Reason: mpi.Aborted, Exit: 3, Detail: "MPI_Abort"}, mpi.Aborted, 3, "MPI_Abort"},
		{fmt.Errorf("wrapped: %w", &exec.ExitError{Reason: mpi.Exited, Exit: 4, Detail: "d"}), mpi.Exited, 4, "d"},
		{errors.New("rank 3 is gone"), mpi.Cancelled, 0, "rank 3 is gone"},
	} {
		l := &library{do: func(*library, string, []uint64) (uint64, error) { return 0, tt.err }}
		out := runOn(t, rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0))) unreachable"), l)
		if out.Reason != tt.reason || out.Exit != tt.exit || out.Detail != tt.detail || out.Memory != pageSize || out.Elapsed <= 0 {
			t.Errorf("%+v", out)
		}
	}
}

func TestLibraryPanic(t *testing.T) {
	l := &library{do: func(*library, string, []uint64) (uint64, error) { panic("a bug") }}
	out := runOn(t, rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0)))"), l)
	if out.Reason != mpi.Internal || !strings.Contains(out.Detail, "MPI_Comm_rank") || l.closed != 1 {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}

// TestRankEnds: a rank ends as a handler does.
func TestRankEnds(t *testing.T) {
	r := newRuntime(t)
	for _, tt := range []struct {
		name, body string
		reason     mpi.Reason
		exit       int
		detail     string
	}{
		{"well", "", "", 0, ""},
		{"exit 0", "(call $exit (i32.const 0)) unreachable", "", 0, ""},
		{"exit 5", "(call $exit (i32.const 5)) unreachable", mpi.Exited, 5, "exit code 5"},
		{"trap", "unreachable", mpi.Trapped, 0, "unreachable code reached (abort or panic) in main"},
		{"bounds", "(drop (i32.load (i32.const 65536)))", mpi.Trapped, 0, "out of bounds: " + access("load") + " at address 0x10000 of 0x10000 in main"},
		{"recursion", "(call $main)", mpi.Trapped, 0, "stack overflow (6 MiB)"},
		{"memory", "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable", mpi.OutOfMemory, 0, "it asked for 64 KiB besides the 64 MiB in use; its limit is 64 MiB: allow it more with --memory 65MiB, up to MaxMemory of the nodes; then: unreachable"},
	} {
		out := runWith(t, r, rankWAT("", tt.body), &library{do: ignore})
		if out.Reason != tt.reason || out.Exit != tt.exit || !strings.Contains(out.Detail, tt.detail) || out.Memory < pageSize {
			t.Errorf("%s: %+v", tt.name, out)
		}
	}
}

// TestMemory: the guest's memory is where it was when it grows, by the program and by the host.
func TestMemory(t *testing.T) {
	var first []byte
	l := &library{do: func(l *library, _ string, args []uint64) (uint64, error) {
		mem := l.Memory()
		if len(mem) != int(args[0])*pageSize {
			t.Errorf("%d bytes, the program has %d pages", len(mem), args[0])
		}
		if first == nil {
			first = mem
		}
		if &first[0] != &mem[0] {
			t.Error("the memory has moved")
		}
		addr, n, err := l.Grow(pageSize + 1)
		if err != nil || int(addr) != len(mem) || n != 2*pageSize || len(l.Memory()) != len(mem)+2*pageSize {
			t.Errorf("grown at %#x by %d to %d: %v", addr, n, len(l.Memory()), err)
		}
		for _, n := range []int64{0, -1, 65 << 20, 1 << 40, math.MaxInt64} {
			if _, _, err := l.Grow(n); err == nil {
				t.Errorf("grown by %d, over the limit", n)
			}
		}
		l.Memory()[int(addr)+2*pageSize-1] = 42
		return 0, nil
	}}
	out := runOn(t, rankWAT("", `
		(drop (call $rank (memory.size) (i32.const 0)))
		(if (i32.ne (memory.size) (i32.const 3)) (then unreachable))
		(if (i32.ne (i32.load8_u (i32.const 196607)) (i32.const 42)) (then unreachable))
		(drop (memory.grow (i32.const 5)))
		(drop (call $rank (memory.size) (i32.const 0)))`), l)
	if out.Reason != "" || l.calls != 2 || out.Memory != 10*pageSize {
		t.Errorf("%s: %s; %d calls", out.Reason, out.Detail, l.calls)
	}
}

// TestGoMemory: the host adds no memory to a Go program, whose runtime takes the next addresses for
// its heap in any case.
func TestGoMemory(t *testing.T) {
	l := &library{do: func(l *library, _ string, _ []uint64) (uint64, error) {
		if addr, n, err := l.Grow(1); err == nil || !strings.Contains(err.Error(), "Go program") {
			t.Errorf("grown at %#x by %d: %v", addr, n, err)
		}
		return 0, nil
	}}
	wat := strings.Replace(rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0)))"), "(memory",
		`(@custom "producers" "\01\0cprocessed-by\01\0eGo cmd/compile\04go1.") (memory`, 1)
	if out := runOn(t, wat, l); out.Reason != "" || l.calls != 1 {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}

// TestStart: a start function may call MPI before _start does.
func TestStart(t *testing.T) {
	l := &library{do: func(l *library, _ string, args []uint64) (uint64, error) {
		l.Memory()[args[1]] = 7
		return 0, nil
	}}
	wat := strings.Replace(rankWAT("", "(if (i32.ne (i32.load8_u (i32.const 9)) (i32.const 7)) (then unreachable))"), "(memory",
		"(func $begin (drop (call $rank (i32.const 0) (i32.const 9)))) (start $begin) (memory", 1)
	if out := runOn(t, wat, l); out.Reason != "" || l.calls != 1 {
		t.Errorf("%s: %s", out.Reason, out.Detail)
	}
}

// TestExitInACallback: a program that ends itself in a callback does not come back to where the
// library called it.
func TestExitInACallback(t *testing.T) {
	l := &library{do: func(l *library, name string, args []uint64) (uint64, error) {
		if name != "MPI_Op_create" {
			t.Errorf("%s is called after the end", name)
			return 0, nil
		}
		l.Invoke(uint32(args[0]), 1, 2, 3, 4) // a library that goes on regardless
		return 0, nil
	}}
	wat := strings.Replace(callbackWAT(6), "(i32.const 6) (i32.const 0) (i32.const 0)))", "(i32.const 6) (i32.const 0) (i32.const 0))) (drop (call $rank (i32.const 0) (i32.const 0)))", 1)
	if out := runOn(t, wat, l); out.Reason != mpi.Exited || out.Exit != 9 || l.calls != 1 {
		t.Errorf("%+v after %d calls", out, l.calls)
	}
}

func TestGroupNeeds(t *testing.T) {
	g := groupOf(t, newRuntime(t), context.Background(), rankWAT("", ""))
	for _, x := range []exec.Exec{{}, {Memory: 1 << 20}, {MPI: &library{do: ignore}}} {
		if out := g.Run(x); out.Reason != mpi.Internal {
			t.Errorf("%+v", out)
		}
	}
	if out := g.Run(exec.Exec{Memory: 100, MPI: &library{do: ignore}}); out.Reason != mpi.OutOfMemory {
		t.Errorf("%+v", out)
	}
	g.Close()
	if out := g.Run(exec.Exec{Memory: 1 << 20, MPI: &library{do: ignore}}); out.Reason == "" {
		t.Errorf("%+v", out)
	}
}

func TestMissingFunctions(t *testing.T) {
	r := newRuntime(t)
	// Functions of MPI 5.0 are there, those too that only return an error.
	if _, err := r.Compile(t.Context(), assemble(t, `(module
	  (import "env" "MPI_Win_fence" (func (param i32 i32) (result i32)))
	  (import "env" "PMPI_File_open" (func (param i32 i32 i32 i32 i32) (result i32)))
	  (memory (export "memory") 1) (func (export "_start")))`)); err != nil {
		t.Error(err)
	}
	_, err := r.Compile(t.Context(), assemble(t, `(module
	  (import "env" "MPI_Sendd" (func (param i32 i32) (result i32)))
	  (import "env" "MPI_Send" (func (param i32) (result i32)))
	  (memory (export "memory") 1) (func (export "_start")))`))
	for _, want := range []string{"does not provide: MPI_Sendd (not a function of MPI 5.0), ", "MPI_Send (with another type, (i32) → (i32) instead of"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	_, err = r.Compile(t.Context(), assemble(t, `(module (import "env" "MPI_Wtime" (func (result f64))) (func (export "_start")))`))
	if err == nil || !strings.Contains(err.Error(), "exports no memory") {
		t.Errorf("%v", err)
	}
}

// TestManyGroups: nothing is left of groups that have come and gone.
func TestManyGroups(t *testing.T) {
	leak.Check(t)
	r := newRuntime(t)
	p := compile(t, r, rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0)))")).(exec.MPIProgram)
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		g, err := p.Instances(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				x := execLimits()
				x.MPI = &library{do: ignore}
				if out := g.Run(x); out.Reason != "" {
					t.Error(out.Detail)
				}
			})
		}
		wg.Wait()
		cancel()
		g.Close()
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
