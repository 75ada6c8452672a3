package wasm

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// newRuntime makes a runtime that ends with the test. It has a pool for handlers.
func newRuntime(t testing.TB) *Runtime {
	t.Helper()
	r := New(Config{HandlerSlots: 8})
	t.Cleanup(func() { r.Close() })
	return r
}

func assemble(t testing.TB, wat string) []byte {
	t.Helper()
	bin, err := wasmtime.Wat2Wasm(wat)
	if err != nil {
		t.Fatalf("Wat2Wasm: %v\n%s", err, wat)
	}
	return bin
}

func compile(t testing.TB, r *Runtime, wat string) exec.Program {
	t.Helper()
	p, err := r.Compile(t.Context(), assemble(t, wat))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// execLimits are limits wide enough for whatever is not about them.
func execLimits() exec.Exec {
	return exec.Exec{Memory: 64 << 20, Timeout: time.Minute, Output: 1 << 20}
}

// slack is how much later than its time a program may end on a machine that does much else
// besides. On one that does not it is some milliseconds.
const slack = 5 * time.Second

// catWAT copies standard input to standard output, 4 KiB at a time.
const catWAT = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 4096))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (br $more))))))`

func TestCat(t *testing.T) {
	p := compile(t, newRuntime(t), catWAT)
	if p.MPI() {
		t.Error("a handler is taken for an MPI program")
	}
	x := execLimits()
	x.Stdin = []byte(strings.Repeat("0123456789", 1000))
	out := p.Run(context.Background(), x)
	if out.Reason != "" || string(out.Stdout) != string(x.Stdin) {
		t.Fatalf("%q %q: %d bytes of output", out.Reason, out.Detail, len(out.Stdout))
	}
	if out.Memory != 64<<10 || out.Elapsed <= 0 {
		t.Errorf("Memory %d, Elapsed %v", out.Memory, out.Elapsed)
	}
}
