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

// main wraps the body of a _start, with a page of memory and proc_exit.
func mainWAT(body string) string {
	return `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (type $void (func))
  (table 4 funcref)
  (memory (export "memory") 1)
  (func $deep (param i64 i64) (result i64) (i64.add (local.get 0) (call $deep (local.get 1) (local.get 0))))
  (func $main (export "_start") ` + body + `))`
}

func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name, wat string
		reason    mpi.Reason
		exit      int
		detail    string // a part of it
	}{
		{"nothing", mainWAT(""), "", 0, ""},
		{"exit 0", mainWAT("(call $exit (i32.const 0)) unreachable"), "", 0, ""},
		{"exit 1", mainWAT("(call $exit (i32.const 1))"), mpi.Exited, 1, "exit code 1"},
		{"exit -1", mainWAT("(call $exit (i32.const -1))"), mpi.Exited, -1, "exit code -1"},
		{"unreachable", mainWAT("unreachable"), mpi.Trapped, 0, "unreachable code reached (abort or panic) in main"},
		{"out of bounds", mainWAT("(drop (i32.load (i32.const 65536)))"), mpi.Trapped, 0, "memory access out of bounds: " + access("load") + " at address 0x10000 of 0x10000 in main"},
		{"far out", mainWAT("(drop (i32.load offset=0xfffffff0 (i32.const -1)))"), mpi.Trapped, 0, "memory access out of bounds"},
		{"division", mainWAT("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), mpi.Trapped, 0, "integer division by zero"},
		{"overflow", mainWAT("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"), mpi.Trapped, 0, "integer overflow"},
		{"conversion", mainWAT("(drop (i32.trunc_f64_s (f64.const nan)))"), mpi.Trapped, 0, "conversion to integer"},
		{"null call", mainWAT("(call_indirect (type $void) (i32.const 1))"), mpi.Trapped, 0, "null function pointer"},
		{"no element", mainWAT("(call_indirect (type $void) (i32.const 9))"), mpi.Trapped, 0, "table access out of bounds"},
		{"recursion", mainWAT("(drop (call $deep (i64.const 1) (i64.const 2)))"), mpi.Trapped, 0, "stack overflow (1 MiB) in deep ← deep ← deep ← deep ← …"},
		{"start", `(module (func $s unreachable) (start $s) (func (export "_start")))`, mpi.Trapped, 0, "in s"},
		{"bad data", `(module (memory 1) (data (i32.const 65535) "ab") (func (export "_start")))`, mpi.Trapped, 0, "memory access out of bounds"},
		{"a name", `(module (func $"\n\1b[31m\u{7f}" unreachable) (func (export "_start") (call 0)))`, mpi.Trapped, 0, "in ??[31m? ← func1"},
		{"no memory", `(module
			(import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32) (result i32)))
			(func (export "_start") (if (i32.ne (call $r (i32.const 0) (i32.const 1)) (i32.const 21)) (then unreachable))))`, "", 0, ""},
		{"loop", mainWAT("(loop $l (br $l))"), mpi.TimedOut, 0, "still running in main after its limit of 100ms"},
		{"a loop at the start", `(module (func $s (loop $l (br $l))) (start $s) (func (export "_start")))`, mpi.TimedOut, 0, "still running in s"},
		{"recursive loop", mainWAT("(loop $l (call $twice) (br $l))) (func $twice"), mpi.TimedOut, 0, "still running"},
		{"too many tables", `(module (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (func (export "_start")))`, mpi.Trapped, 0, "more than an instance may have"},
		{"large table", `(module (table 300000 funcref) (func (export "_start")))`, mpi.Trapped, 0, "more than an instance may have"},
		{"large memory", `(module (memory (export "memory") 1025) (func (export "_start")))`, mpi.OutOfMemory, 0, "it needs 64.1 MiB of memory to start, and its limit is 64 MiB: the owner of the node can raise Memory"},
		{"large hidden memory", `(module (memory 1025) (func (export "_start")))`, mpi.OutOfMemory, 0, "declares more memory than its limit of 64 MiB"},
		// A program that asks for 1 MiB blocks and aborts without one, as C does.
		{"eats memory", mainWAT("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable"), mpi.OutOfMemory, 0, "it asked for 1 MiB besides the 63.1 MiB in use; its limit is 64 MiB: the owner of the node can raise Memory; then: unreachable"},
		{"eats memory and exits", mainWAT("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (call $exit (i32.const 3))"), mpi.OutOfMemory, 0, "it asked for 64 KiB besides the 64 MiB in use; its limit is 64 MiB: the owner of the node can raise Memory; then: exit code 3"},
		{"fills memory and is well", mainWAT("(drop (memory.grow (i32.const 1023)))"), "", 0, ""},
		{"large request", mainWAT("(br_if 0 (i32.eq (memory.grow (i32.const 2000)) (i32.const -1))) unreachable"), "", 0, ""},
		{"a large request, unchecked", mainWAT("(i32.store8 (i32.sub (i32.mul (memory.grow (i32.const 1600)) (i32.const 65536)) (i32.const 1)) (i32.const 0))"), mpi.OutOfMemory, 0, "it asked for 100 MiB besides the 64 KiB in use; its limit is 64 MiB: the owner of the node can raise Memory; then: memory access out of bounds"},
		{"more than there can be", mainWAT("(drop (memory.grow (i32.const -1))) unreachable"), mpi.OutOfMemory, 0, "a program has at most 4 GiB; then: unreachable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, newRuntime(t), tt.wat)
			x := execLimits()
			if tt.reason == mpi.TimedOut {
				x.Timeout = 100 * time.Millisecond
			}
			out := p.Run(context.Background(), x)
			if out.Reason != tt.reason || out.Exit != tt.exit || !strings.Contains(out.Detail, tt.detail) {
				t.Errorf("Reason %q, Exit %d, Detail %q", out.Reason, out.Exit, out.Detail)
			}
			if tt.reason == "" && out.Detail != "" {
				t.Errorf("Detail %q", out.Detail)
			}
			if strings.Contains(out.Detail, "/") {
				t.Errorf("a path in %q", out.Detail)
			}
			if tt.reason == mpi.TimedOut && (out.Elapsed < x.Timeout || out.Elapsed > x.Timeout+slack) {
				t.Errorf("stopped after %v", out.Elapsed)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	r := newRuntime(t)
	start := `(func (export "_start"))`
	for name, tt := range map[string]struct{ wat, want string }{
		"unknown function":    {`(module (import "env" "system" (func)) (import "env" "m" (memory 1)) ` + start + `)`, "does not provide: env.system (function), env.m (memory)"},
		"unknown module":      {`(module (import "x" "y" (global i32)) ` + start + `)`, "x.y (global)"},
		"preview 0":           {`(module (import "wasi_unstable" "fd_read" (func)) ` + start + `)`, "preview 0"},
		"not in preview 1":    {`(module (import "wasi_snapshot_preview1" "thread_spawn" (func)) ` + start + `)`, "thread_spawn (not in preview 1)"},
		"another type":        {`(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) ` + start + `)`, "proc_exit (with another type)"},
		"not a function":      {`(module (import "wasi_snapshot_preview1" "proc_exit" (global i32)) ` + start + `)`, "proc_exit (with another type)"},
		"MPI, not a function": {`(module (import "env" "MPI_Init" (global i32)) ` + start + `)`, "env.MPI_Init (global)"},
		"no _start":           {`(module)`, "exports no function _start"},
		"a global _start":     {`(module (global (export "_start") i32 (i32.const 0)))`, "_start is not a function"},
		"_start with results": {`(module (func (export "_start") (result i32) (i32.const 0)))`, "without parameters and results"},
		"shared memory":       {`(module (memory 1 1 shared) ` + start + `)`, "threads"},
		"64-bit memory":       {`(module (memory i64 1) ` + start + `)`, "memory64"},
		"two memories":        {`(module (memory 1) (memory 1) ` + start + `)`, "multiple memories"},
	} {
		_, err := r.Compile(t.Context(), assemble(t, tt.wat))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := "(module "
	for i := range 20 {
		many += fmt.Sprintf(`(import "env" "f%d" (func)) `, i)
	}
	if _, err := r.Compile(t.Context(), assemble(t, many+start+")")); err == nil || !strings.Contains(err.Error(), "and 8 more") {
		t.Errorf("many: %v", err)
	}
}

func TestHostileBytes(t *testing.T) {
	r := New(Config{MaxModule: 1000})
	defer r.Close()
	valid := assemble(t, catWAT)
	for name, tt := range map[string]struct {
		wasm []byte
		want string
	}{
		"nothing":   {nil, "not a WebAssembly module"},
		"text":      {[]byte("(module)"), "not a WebAssembly module"},
		"component": {[]byte("\x00asm\x0d\x00\x01\x00"), "wasm32-wasip1"},
		"large":     {make([]byte, 1001), "at most 1000"},
		"cut off":   {valid[:len(valid)-1], "compile"},
		"version":   {[]byte("\x00asm\x02\x00\x00\x00"), "compile"},
		"sections":  {append(append([]byte{}, valid[:8]...), 1, 0xff, 0xff, 0xff, 0xff, 0x0f), "compile"},
	} {
		if _, err := r.Compile(t.Context(), tt.wasm); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range valid { // each byte wrong in turn: refused or not, nothing breaks
		bad := append([]byte{}, valid...)
		bad[i] ^= 0xff
		if p, err := r.Compile(t.Context(), bad); err == nil {
			x := execLimits()
			x.Timeout = 20 * time.Millisecond
			p.Run(context.Background(), x)
			p.Close()
		}
	}
}

func TestMPIProgram(t *testing.T) {
	r := newRuntime(t)
	for _, name := range []string{"MPI_Init", "PMPI_Init"} {
		p := compile(t, r, `(module (import "env" "`+name+`" (func (param i32 i32) (result i32))) (memory (export "memory") 1) (func (export "_start")))`)
		if _, ok := p.(exec.MPIProgram); !ok || !p.MPI() {
			t.Errorf("%s makes no MPI program", name)
		}
		if out := p.Run(context.Background(), execLimits()); out.Reason != mpi.Internal || !strings.Contains(out.Detail, "run as jobs") {
			t.Errorf("Reason %q, Detail %q", out.Reason, out.Detail)
		}
	}
	if _, ok := compile(t, r, catWAT).(exec.MPIProgram); ok {
		t.Error("a handler is taken for an MPI program")
	}
}
