package wasm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// guarded is a program with a page of memory whose first 4 KiB are unused, as it says, and a stack
// pointer.
func guarded(body string) string {
	return `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global (export "__stack_pointer") (mut i32) (i32.const 32768))
  (data (i32.const 5000) "data")
  (func (export "__main_argc_argv") ` + body + `)
  (func $_start (export "_start") (call 2))
  (@custom "name" "\01\07\01\02\04main")
  (@custom "ipfs_mpi.guard" "\00\10\00\00"))`
}

// the words for an access to a NULL pointer, which may not say which kind of access it is
func access(kind string) string {
	if native.TellsWrites {
		return kind
	}
	return "access"
}

// TestNull: what a program does with a NULL pointer is a trap that says so, in the pool and without
// one, whatever the instructions.
func TestNull(t *testing.T) {
	for name, tt := range map[string]struct{ body, detail string }{
		"load":          {"(drop (i32.load (i32.const 8)))", "NULL pointer: " + access("load") + " at address 0x8 in main"},
		"store":         {"(i32.store offset=4 (i32.const 0) (i32.const 1))", "NULL pointer: " + access("store") + " at address 0x4 in main"},
		"last byte":     {"(drop (i32.load8_u (i32.const 4095)))", "NULL pointer: " + access("load") + " at address 0xfff in main"},
		"first":         {"(i32.store8 (i32.const 4096) (i32.const 1))", ""},
		"vector":        {"(drop (v128.load (i32.const 16)))", "NULL pointer: " + access("load") + " at address 0x10 in main"},
		"copy to":       {"(memory.copy (i32.const 3) (i32.const 5000) (i32.const 4))", "NULL pointer: access at address 0x3 in memory.copy ← main"},
		"copy from":     {"(memory.copy (i32.const 5000) (i32.const 0) (i32.const 4))", "NULL pointer: access at address 0x0 in memory.copy ← main"},
		"fill":          {"(memory.fill (i32.const 0) (i32.const 1) (i32.const 10000))", "NULL pointer: " + access("store") + " at address 0x0 in memory.fill ← main"},
		"copy nothing":  {"(memory.copy (i32.const 0) (i32.const 0) (i32.const 0)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))", ""},
		"copy":          {"(memory.copy (i32.const 6000) (i32.const 5000) (i32.const 4)) (if (i32.ne (i32.load (i32.const 6000)) (i32.load (i32.const 5000))) (then unreachable))", ""},
		"fill, above":   {"(memory.fill (i32.const 4096) (i32.const 7) (i32.const 100)) (if (i32.ne (i32.load8_u (i32.const 4195)) (i32.const 7)) (then unreachable))", ""},
		"beyond":        {"(drop (i32.load (i32.const 70000)))", "memory access out of bounds: " + access("load") + " at address 0x11170 of 0x10000 in main"},
		"stack":         {"(global.set 0 (i32.const 4000)) (i32.store (i32.const 4000) (i32.const 1))", "stack overflow in main"},
		"stack, beyond": {"(global.set 0 (i32.const -4000)) (i32.store (i32.const -4000) (i32.const 1))", "stack overflow in main"},
		// EFAULT
		"given to WASI": {"(call $exit (call $random (i32.const 0) (i32.const 8)))", "exit code 21"},
		"below the end": {"(call $exit (call $random (i32.const 4095) (i32.const 8)))", "exit code 21"},
		"no bytes":      {"(call $exit (call $random (i32.const 0) (i32.const 0)))", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, slots := range []int{0, 1} {
				r := New(Config{HandlerSlots: slots})
				defer r.Close()
				p := compile(t, r, guarded(tt.body))
				other := compile(t, r, mainWAT("(i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1))) (call $exit (i32.load (i32.const 8)))"))
				for range 3 {
					out := p.Run(context.Background(), execLimits())
					if !strings.HasPrefix(out.Detail, tt.detail) || (tt.detail == "") != (out.Reason == "") {
						t.Errorf("%d slots: %s: %s", slots, out.Reason, out.Detail)
					}
					// who comes after it has the page, and nothing in it
					if out := other.Run(context.Background(), execLimits()); out.Exit != 1 {
						t.Errorf("%d slots, another program: %s: %s", slots, out.Reason, out.Detail)
					}
				}
			}
		})
	}
}

// TestGuardClaimed: a program that says it leaves bytes unused, and does not, harms nobody; where
// it has initial data there, it is not believed.
func TestGuardClaimed(t *testing.T) {
	const claim = `(@custom "ipfs_mpi.guard" "\00\00\01\00")`
	for name, tt := range map[string]struct{ wat, detail string }{
		"data there": {`(module (memory (export "memory") 1) (data (i32.const 5000) "\2a")
		  (func (export "_start") (if (i32.ne (i32.load8_u (i32.const 5000)) (i32.const 42)) (then unreachable))) ` + claim + `)`, ""},
		"data that it brings there": {`(module (memory (export "memory") 1) (data $d "\2a")
		  (func (export "_start") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))) ` + claim + `)`, ""},
		"in its start function": {`(module (memory (export "memory") 1) (func $s (i32.store (i32.const 0) (i32.const 1))) (start $s)
		  (func (export "_start")) ` + claim + `)`, "NULL pointer"},
		"no memory":              {`(module (func (export "_start")) ` + claim + `)`, ""},
		"a memory of its own":    {`(module (memory 1) (func (export "_start") (i32.store (i32.const 0) (i32.const 1))) ` + claim + `)`, ""},
		"an empty memory":        {`(module (memory (export "memory") 0) (func (export "_start") (drop (memory.grow (i32.const 1))) (i32.store (i32.const 0) (i32.const 1))) ` + claim + `)`, ""},
		"more than there can be": {`(module (memory (export "memory") 1) (func (export "_start") (i32.store (i32.const 65532) (i32.const 1))) (@custom "ipfs_mpi.guard" "\ff\ff\ff\ff"))`, "NULL pointer"},
		"less than a page":       {`(module (memory (export "memory") 1) (func (export "_start") (i32.store (i32.const 0) (i32.const 1))) (@custom "ipfs_mpi.guard" "\ff\00\00\00"))`, ""},
		"cut off":                {`(module (memory (export "memory") 1) (func (export "_start") (i32.store (i32.const 0) (i32.const 1))) (@custom "ipfs_mpi.guard" "\ff\ff\ff"))`, ""},
	} {
		r := New(Config{HandlerSlots: 1})
		defer r.Close()
		p := compile(t, r, tt.wat)
		for range 2 {
			if out := p.Run(context.Background(), execLimits()); !strings.HasPrefix(out.Detail, tt.detail) || (tt.detail == "") != (out.Reason == "") {
				t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
			}
		}
	}
}

// TestNullOfRank: a rank's NULL pointer is a trap, and its library is told what not to touch. The
// code comes from a file, as that of a worker does.
func TestNullOfRank(t *testing.T) {
	for name, tt := range map[string]struct{ body, detail string }{
		"in the rank":    {"(drop (i32.load (i32.const 8)))", "NULL pointer: " + access("load") + " at address 0x8 in func1"},
		"in a callback":  {"(drop (call $rank (i32.const 0) (i32.const 5)))", "NULL pointer: " + access("store") + " at address 0xc in f ← func1"},
		"in the library": {"(drop (call $rank (i32.const 0) (i32.const 8)))", "guard 4096"},
	} {
		wat := `(module (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))
		  (memory (export "memory") 1) (table (export "table") 2 funcref) (elem (i32.const 1) $f)
		  (func (export "_start") ` + tt.body + `)
		  (func $f (i32.store (i32.const 12) (i32.const 0))) (@custom "ipfs_mpi.guard" "\00\10\00\00"))`
		p, err := newRuntime(t).Load(translate(t, wat))
		if err != nil {
			t.Fatal(err)
		}
		g, err := p.(exec.MPIProgram).Instances(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		x := execLimits()
		x.MPI = &library{do: func(l *library, _ string, args []uint64) (uint64, error) {
			if args[1] == 5 {
				return l.Invoke(1)
			}
			if l.Guard() == 4096 {
				return 0, &exec.ExitError{Reason: mpi.Aborted, Detail: "guard 4096"}
			}
			return 0, nil
		}}
		if out := g.Run(x); !strings.HasPrefix(out.Detail, tt.detail) {
			t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
		}
		g.Close()
		p.Close()
	}
}

// TestHostTouchesGuard: a fault of the host's own in what is guarded, or anywhere, ends the
// instance and not the process.
func TestHostTouchesGuard(t *testing.T) {
	var nowhere *int
	for name, touch := range map[string]func(l *library) byte{
		"the guard": func(l *library) byte { return l.Memory()[8] },
		"nil":       func(*library) byte { return byte(*nowhere) },
	} {
		r := newRuntime(t)
		p, err := r.Load(translate(t, `(module (import "env" "MPI_Comm_rank" (func $rank (param i32 i32) (result i32)))
		  (memory (export "memory") 1) (func (export "_start") (drop (call $rank (i32.const 0) (i32.const 0))))
		  (@custom "ipfs_mpi.guard" "\00\10\00\00"))`))
		if err != nil {
			t.Fatal(err)
		}
		g, err := p.(exec.MPIProgram).Instances(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		x := execLimits()
		x.MPI = &library{do: func(l *library, _ string, _ []uint64) (uint64, error) { return uint64(touch(l)), nil }}
		if out := g.Run(x); out.Reason != mpi.Internal || !strings.Contains(out.Detail, "a fault of this node in MPI_Comm_rank") {
			t.Errorf("%s: %s: %s", name, out.Reason, out.Detail)
		}
		g.Close()
		p.Close()
	}
}

// TestGuardInCache: code from the cache has its guard.
func TestGuardInCache(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		r := New(Config{CacheDir: dir, HandlerSlots: 1})
		out := compile(t, r, guarded("(drop (i32.load (i32.const 8)))")).Run(context.Background(), execLimits())
		if !strings.HasPrefix(out.Detail, "NULL pointer") {
			t.Errorf("%s: %s", out.Reason, out.Detail)
		}
		r.Close()
	}
	if list, _ := os.ReadDir(filepath.Join(dir)); len(list) == 0 {
		t.Error("nothing was kept")
	}
}
