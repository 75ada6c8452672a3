package wasm

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// BenchmarkInstanceC is the cost of a message to a small handler in C: make the instance, read
// standard input, write standard output, drop it.
func BenchmarkInstanceC(b *testing.B) {
	out := filepath.Join(b.TempDir(), "cat.wasm")
	cmd := osexec.Command("clang", "--target=wasm32-wasi", "-isystem", "/usr/include/wasm32-wasi", "-L/usr/lib/wasm32-wasi", "-O2", "-o", out, "testdata/cat.c")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Skipf("needs clang, lld, wasi-libc and libclang-rt-dev-wasm32: %v\n%s", err, text)
	}
	bin, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	r := newRuntime(b)
	p, err := r.Compile(b.Context(), bin)
	if err != nil {
		b.Fatal(err)
	}
	benchInstance(b, p)
}

// BenchmarkGuard is the cost of a message to a small handler in C, in the pool and not, with and
// without a guard.
func BenchmarkGuard(b *testing.B) {
	bare := clang(b, "cat.c", "-Wl,--stack-first,-z,stack-size=65536")
	x := execLimits()
	x.Args, x.Stdin = []string{"run", "cat"}, []byte("hello")
	for _, slots := range []int{8, 0} {
		for name, bin := range map[string][]byte{"no": bare, "yes": append(bare[:len(bare):len(bare)], claim...)} {
			r := New(Config{HandlerSlots: slots})
			defer r.Close()
			p, err := r.Compile(b.Context(), bin)
			if err != nil {
				b.Fatal(err)
			}
			if p.(*program).code.info.guard > 0 != (name == "yes") {
				b.Fatal("the guard is not as it is meant to be")
			}
			b.Run(fmt.Sprintf("slots=%d/guard=%s", slots, name), func(b *testing.B) {
				for b.Loop() {
					if out := p.Run(context.Background(), x); string(out.Stdout) != "hello" {
						b.Fatal(out.Reason, out.Detail)
					}
				}
			})
		}
	}
}

// claim is the section by which a program says that it leaves 4 KiB unused.
const claim = "\x00\x13\x0eipfs_mpi.guard\x00\x10\x00\x00"

// benchInstance runs p with and without files, and from two goroutines at once.
func benchInstance(b *testing.B, p exec.Program) {
	x := execLimits()
	x.Args, x.Stdin = []string{"run", "cat"}, []byte("hello")
	run := func(b *testing.B, x exec.Exec) {
		if out := p.Run(context.Background(), x); string(out.Stdout) != "hello" {
			b.Fatal(out.Reason, out.Detail)
		}
	}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(b, x)
		}
	})
	x.Files = fstest.MapFS{}
	b.Run("files", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(b, x)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				run(b, x)
			}
		})
	})
}

func BenchmarkInstanceGo(b *testing.B) { benchInstance(b, guest(b, newRuntime(b))) }

func BenchmarkInstanceWAT(b *testing.B) { benchInstance(b, compile(b, newRuntime(b), catWAT)) }

// BenchmarkHostCall is the cost of one call from a program into the host and back.
func BenchmarkHostCall(b *testing.B) {
	const calls = 100_000
	p := compile(b, newRuntime(b), `(module
	  (import "wasi_snapshot_preview1" "fd_tell" (func $f (param i32 i32) (result i32)))
	  (memory (export "memory") 1)
	  (func (export "_start") (local i32)
	    (loop $l
	      (drop (call $f (i32.const 0) (i32.const 8)))
	      (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100000))))))`)
	for b.Loop() {
		if out := p.Run(context.Background(), execLimits()); out.Reason != "" {
			b.Fatal(out.Detail)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/calls, "ns/call")
}
