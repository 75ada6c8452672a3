package native

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
)

// TestDeclarations compiles wasmtime.h after the headers of wasmtime-go: a prototype, type or
// constant that is not theirs is an error.
func TestDeclarations(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/bytecodealliance/wasmtime-go/v44").Output()
	if err != nil {
		t.Fatal(err)
	}
	include := filepath.Join(strings.TrimSpace(string(dir)), "build", "include")
	cmd := exec.Command("cc", "-fsyntax-only", "-Werror", "-I", include, "-include", filepath.Join(include, "wasmtime.h"), "-x", "c", "wasmtime.h")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// guest is a program in text form with its host.
type guest struct {
	t      testing.TB
	engine *Engine
	prog   *Program
	flag   StopFlag
	in     *Instance
	call   func(id int, args []uint64) (uint64, bool)
}

func (g *guest) Call(id int, args []uint64) (uint64, bool) { return g.call(id, args) }

func newGuest(t testing.TB, wat string, functions ...Function) *guest {
	t.Helper()
	e, err := NewEngine(Config{Safepoints: true})
	if err != nil {
		t.Fatal(err)
	}
	bin, err := wasmtime.Wat2Wasm(wat)
	if err != nil {
		t.Fatal(err)
	}
	if bin, err = module.AddSafepoints(bin); err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(bin)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Link(e, m, functions)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	g := &guest{t: t, engine: e, prog: p}
	g.in, err = p.New(g, &g.flag, Limits{Memory: 1 << 20, Elements: 100, Tables: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.in.Close()
		g.prog.Close()
		g.engine.Close()
	})
	return g
}

func (g *guest) start() error {
	return g.in.Start(g.prog, Exports{Safepoint: module.Safepoint, Begin: module.Begin})
}

func BenchmarkCall(b *testing.B) {
	const calls = 1_000_000
	for _, n := range []int{0, 3, 7, 12} {
		b.Run(string(rune('0'+n/10))+string(rune('0'+n%10)), func(b *testing.B) {
			g := newGuest(b, `(module (import "env" "f" (func $f (param `+strings.Repeat("i32 ", n)+`) (result i32)))
			  (memory (export "memory") 1)
			  (func (export "_start") (local i32)
			    (loop $l
			      (drop (call $f `+strings.Repeat("(local.get 0) ", n)+`))
			      (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000000))))))`,
				Function{"env", "f", 7, strings.Repeat("i", n), 'i'})
			g.call = func(id int, args []uint64) (uint64, bool) { return 0, id == 7 }
			for b.Loop() {
				if err := g.start(); err != nil {
					b.Fatal(err)
				}
				g.in.Close()
				g.in, _ = g.prog.New(g, &g.flag, Limits{Memory: 1 << 20, Elements: 100, Tables: 1})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/calls, "ns/call")
		})
	}
}

const (
	callsTwice = `(module (import "env" "f" (func $f (result i32))) (memory (export "memory") 1)
	  (table (export "t") 1 funcref) (elem (i32.const 0) $loop) (func $loop (loop $l (br $l)))
	  (func (export "_start") (drop (call $f)) (drop (call $f))))`
	loops = `(module (import "env" "f" (func $f (result i32))) (memory (export "memory") 1)
	  (func (export "_start") (drop (call $f)) (loop $l (br $l))))`
	traps = `(module (import "env" "f" (func $f (result i32))) (memory (export "memory") 1)
	  (func (export "_start") (drop (call $f)) (i32.store (i32.const -1) (i32.const 0))))`
)

// TestStopFlag sets it before an instance starts, in a call of the host, and before it calls back:
// it ends each time, and calls no more.
func TestStopFlag(t *testing.T) {
	f := Function{"env", "f", 1, "", 'i'}
	for name, tt := range map[string]struct {
		wat    string
		before bool
		calls  int
		invoke bool
		want   bool // ErrStopped
	}{
		"before it starts":       {wat: callsTwice, before: true, want: true},
		"in a call, and another": {wat: callsTwice, calls: 1, want: true},
		"in a call, and a loop":  {wat: loops, calls: 1, want: true},
		"before a callback":      {wat: callsTwice, calls: 1, invoke: true, want: true},
		"before a trap":          {wat: traps, calls: 1}, // its own comes first
	} {
		g := newGuest(t, tt.wat, f)
		calls := 0
		g.call = func(int, []uint64) (uint64, bool) {
			calls++
			g.flag.Set()
			if tt.invoke {
				if _, err := g.in.Invoke(0); !errors.Is(err, ErrStopped) {
					t.Errorf("%s: the callback: %v", name, err)
				}
			}
			return 0, true
		}
		if tt.before {
			g.flag.Set()
		}
		err := g.in.Start(g.prog, Exports{Table: "t", Safepoint: module.Safepoint, Begin: module.Begin})
		if errors.Is(err, ErrStopped) != tt.want || err == nil || calls != tt.calls {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
		if !g.flag.empty() {
			t.Errorf("%s: the flag still has it", name)
		}
	}
}

func TestNoStart(t *testing.T) {
	g := newGuest(t, `(module (memory (export "memory") 1))`)
	if err := g.start(); err == nil || !strings.Contains(err.Error(), "no such function") {
		t.Error(err)
	}
}
