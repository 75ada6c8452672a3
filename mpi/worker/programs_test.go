package worker

import (
	"strings"
	"testing"

	"github.com/bytecodealliance/wasmtime-go/v44"
)

// Programs in text form.

// openWAT copies the file "d/f" to standard output, and exits with the error of WASI if it cannot.
const openWAT = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 40) "d/f")
  (func (export "_start") (local $error i32)
    (local.set $error (call $open (i32.const 3) (i32.const 0) (i32.const 40) (i32.const 3) (i32.const 0)
      (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 16)))
    (if (local.get $error) (then (call $exit (local.get $error))))
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 4096))
      (local.set $error (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (local.get $error) (then (call $exit (local.get $error))))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (br $more))))))`

func assemble(t testing.TB, wat string) []byte {
	t.Helper()
	bin, err := wasmtime.Wat2Wasm(wat)
	if err != nil {
		t.Fatalf("Wat2Wasm: %v\n%s", err, wat)
	}
	return bin
}

// slowWAT takes the compiler some time: n functions.
func slowWAT(n int) string {
	return `(module (memory (export "memory") 1) (func (export "_start"))` + strings.Repeat(`(func (param i32) (result i32)
	  (i32.add (i32.mul (local.get 0) (i32.load (local.get 0))) (i32.load offset=8 (local.get 0))))`, n) + `)`
}
