package wasm

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// translate makes a file of code of a module in text form.
func translate(t testing.TB, wat string) string {
	t.Helper()
	r := newRuntime(t)
	code, mpi, err := r.Translate(t.Context(), assemble(t, wat))
	if err != nil || mpi != strings.Contains(wat, `"MPI_`) {
		t.Fatalf("MPI %t: %v", mpi, err)
	}
	path := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(path, code, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLoad runs code that another runtime made, with data, in the pool, without one, and one that
// does not fit it.
func TestLoad(t *testing.T) {
	const wat = `(module
	  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
	  (memory (export "memory") 1) (data (i32.const 0) "\10\00\00\00\05\00\00\00")
	  (data (i32.const 16) "hello")
	  (func (export "_start")
	    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
	    (i32.store (i32.const 16) (i32.const 0))))`
	many := strings.Replace(wat, "(memory", strings.Repeat("(table 1 funcref) ", maxTables)+"(memory", 1)
	for name, tt := range map[string]struct {
		wat    string
		slots  int
		pooled bool
	}{"pool": {wat, 2, true}, "no pool": {wat, 0, false}, "four tables": {many, 2, true}} {
		r := New(Config{HandlerSlots: tt.slots})
		defer r.Close()
		path := translate(t, tt.wat)
		p, err := r.Load(path)
		if err != nil {
			t.Fatal(name, err)
		}
		again, err := r.Load(path)
		if err != nil {
			t.Fatal(name, err)
		}
		if c := p.(*program).code; (c.pooled != nil) != tt.pooled || c != again.(*program).code {
			t.Errorf("%s: pooled %t", name, c.pooled != nil)
		}
		os.Remove(path) // it is mapped
		for range 3 {   // the data is there anew each time
			if out := p.Run(context.Background(), execLimits()); string(out.Stdout) != "hello" {
				t.Errorf("%s: %q %s %s", name, out.Stdout, out.Reason, out.Detail)
			}
		}
		p.Close()
		again.Close()
	}
}

// TestLoadMPI loads an MPI program, whose table is found.
func TestLoadMPI(t *testing.T) {
	path := translate(t, `(module (import "env" "MPI_Finalize" (func $f (result i32)))
	  (memory (export "memory") 1) (table 1 funcref) (func (export "_start") (drop (call $f))))`)
	p, err := newRuntime(t).Load(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	mpi, ok := p.(exec.MPIProgram)
	if !ok || p.(*mpiProgram).code.info.table == "" {
		t.Fatalf("%T", p)
	}
	group, err := mpi.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
}

// TestLoadRefuses damages code in every part of its file, and cuts it off.
func TestLoadRefuses(t *testing.T) {
	path := translate(t, catWAT)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := newRuntime(t)
	refuse := func(name string, code []byte) {
		t.Helper()
		if err := os.WriteFile(path, code, 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Load(path); err == nil {
			p.Close()
			t.Errorf("%s: loaded", name)
		}
	}
	for i := 0; i < len(good); i += 997 {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		refuse("a byte at "+string(rune(i)), bad)
	}
	for i := 1; i <= codeTrailer+4; i++ {
		bad := bytes.Clone(good)
		bad[len(bad)-i] ^= 1
		refuse("a byte of the end", bad)
	}
	for _, n := range []int{0, 1, codeTrailer, len(good) / 2, len(good) - 1} {
		refuse("cut off", good[:n])
	}
	if _, err := r.Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was loaded")
	}
	if _, err := r.Load(t.TempDir()); err == nil {
		t.Error("a directory was loaded")
	}
}

// TestTranslateRefuses holds that what Compile refuses is refused, with the same words.
func TestTranslateRefuses(t *testing.T) {
	r := newRuntime(t)
	for _, wasm := range [][]byte{nil, []byte("#!/bin/sh"), assemble(t, `(module)`),
		assemble(t, `(module (import "env" "x" (func)) (func (export "_start")))`)} {
		_, want := r.Compile(t.Context(), wasm)
		code, _, err := r.Translate(t.Context(), wasm)
		if err == nil || want == nil || err.Error() != want.Error() || code != nil {
			t.Errorf("%q: %v, where Compile says %v", wasm, err, want)
		}
	}
}
