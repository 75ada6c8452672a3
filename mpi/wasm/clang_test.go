package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
)

// clang compiles a file of testdata.
func clang(t testing.TB, name string, flags ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.wasm")
	args := append([]string{"--target=wasm32-wasi", "-nostdlibinc", "-isystem", "/usr/include/wasm32-wasi", "-L/usr/lib/wasm32-wasi", "-O2",
		"-o", out, filepath.Join("testdata", name)}, flags...)
	if text, err := osexec.Command("clang", args...).CombinedOutput(); err != nil {
		t.Skipf("needs clang, lld, wasi-libc and libclang-rt-dev-wasm32: %v\n%s", err, text)
	}
	bin, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// runC runs one rank of a C program.
func runC(t testing.TB, bin []byte, x exec.Exec) exec.Outcome {
	t.Helper()
	p, err := newRuntime(t).Compile(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.(exec.MPIProgram).Instances(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.Run(x)
}

// TestFilesAndStreams runs testdata/files.c.
func TestFilesAndStreams(t *testing.T) {
	var out, errs bytes.Buffer
	x := execLimits()
	x.MPI = &library{do: func(l *library, _ string, args []uint64) (uint64, error) {
		binary.LittleEndian.PutUint32(l.Memory()[args[1]:], 7)
		return 0, nil
	}}
	x.Files = fstest.MapFS{"data/in": {Data: []byte("given")}, "data/other": {}, "run.wasm": {}}
	x.Scratch = &exec.Scratch{Limit: 1 << 20}
	x.Streams = &exec.Streams{In: strings.NewReader("one\ntwo"), Out: &out, Err: &errs}
	got := runC(t, clang(t, "files.c"), x)
	if got.Reason != "" || out.String() != "7: one\n7: two" || errs.String() != "done\n" {
		t.Errorf("%s: %s; %q, %q", got.Reason, got.Detail, &out, &errs)
	}
	want := []string{"data/moved GIven", "out.png P6 x40 480\nabcdef!", "small " + strings.Repeat("\x00", 4096)}
	var files []string
	for _, f := range x.Scratch.Files {
		files = append(files, f.Name+" "+string(f.Data))
	}
	if !slices.Equal(files, want) {
		t.Errorf("%.200q", files)
	}
}

// TestTableOfC: clang does not export the table of functions, and Compile sees to that.
func TestTableOfC(t *testing.T) {
	bin := clang(t, "callback.c")
	m, err := module.Inspect(bin)
	if err != nil {
		t.Fatal(err)
	}
	if name, ok := m.FunctionTable(); ok {
		t.Fatalf("it is exported as %s", name)
	}
	var out bytes.Buffer
	x := execLimits()
	x.Streams = &exec.Streams{Out: &out}
	x.MPI = &library{do: func(l *library, name string, args []uint64) (uint64, error) {
		if name == "MPI_Op_create" {
			return l.Invoke(uint32(args[0]), args[2], args[2]+4, args[2]+8, 0)
		}
		return l.Invoke(uint32(args[0]), args[1], args[1]+4, 0)
	}}
	if got := runC(t, bin, x); got.Reason != "" || out.String() != "9 17 5\n" {
		t.Errorf("%s: %s; %q", got.Reason, got.Detail, &out)
	}
}

// TestStreamsStop: a rank that waits for a stream ends with its rankGroup.
func TestStreamsStop(t *testing.T) {
	read := `(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))`
	write := `(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))`
	iov := "(i32.store (i32.const 4) (i32.const 8)) (drop (call $rank (i32.const 0) (i32.const 0)))"
	for name, wat := range map[string]string{
		"reads":  rankWAT(read, iov+"(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))"),
		"writes": rankWAT(write, iov+"(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))"),
	} {
		t.Run(name, func(t *testing.T) {
			leak.Check(t)
			r := newRuntime(t)
			ctx, cancel := context.WithCancel(context.Background())
			g := groupOf(t, r, ctx, wat)
			in, into := io.Pipe() // they do not know of ctx
			from, out := io.Pipe()
			x := execLimits()
			x.Streams = &exec.Streams{In: in, Out: out}
			l := &library{do: func(*library, string, []uint64) (uint64, error) { cancel(); return 0, nil }}
			x.MPI = l
			if o := g.Run(x); o.Reason != mpi.Cancelled || o.Elapsed > slack {
				t.Errorf("%+v", o)
			}
			into.Close()
			from.Close()
			g.Close()
			if l.closed != 1 {
				t.Error("the library is still there")
			}
		})
	}
}
