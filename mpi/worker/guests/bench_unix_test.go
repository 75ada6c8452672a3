//go:build unix

package guests

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// catC is a small handler in C.
func catC(t testing.TB) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "cat.wasm")
	cmd := osexec.Command("clang", "--target=wasm32-wasi", "-isystem", "/usr/include/wasm32-wasi", "-L/usr/lib/wasm32-wasi", "-O2",
		"-o", out, "../../wasm/testdata/cat.c")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("needs clang, lld, wasi-libc and libclang-rt-dev-wasm32: %v\n%s", err, text)
	}
	bin, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// BenchmarkInstance is the time that a message takes in a locked worker, in turns with an engine in
// this process: median-ns is of the instance, ns/op is with the way there and back.
func BenchmarkInstance(b *testing.B) {
	bin := catC(b)
	path := build(b, bin)
	d := start(b, os.Getenv("MODE"))
	d.place(&link.Place{Kind: link.KindHandler, Slots: 8, Memory: limit(1 << 30), Code: path})
	r := wasm.New(wasm.Config{HandlerSlots: 8})
	b.Cleanup(func() { r.Close() })
	p, err := r.Compile(b.Context(), bin)
	if err != nil {
		b.Fatal(err)
	}
	args := []string{"run", "cat"}
	median := func(b *testing.B, list []time.Duration) {
		slices.Sort(list)
		b.ReportMetric(float64(list[len(list)/2].Nanoseconds()), "median-ns")
	}
	for turn := range 3 {
		b.Run(fmt.Sprintf("worker/%d", turn), func(b *testing.B) {
			var list []time.Duration
			for i := uint32(0); b.Loop(); i++ {
				d.message(link.Message{Unit: i, Args: args}, "hello")
				r := d.result()
				if r.out != "hello" {
					b.Fatal(r)
				}
				list = append(list, r.Elapsed)
			}
			median(b, list)
		})
		b.Run(fmt.Sprintf("worker, 4 at a time/%d", turn), func(b *testing.B) {
			var list []time.Duration
			for i := range uint32(4) {
				d.message(link.Message{Unit: i, Args: args}, "hello")
			}
			for i := uint32(4); b.Loop(); i++ {
				d.message(link.Message{Unit: i, Args: args}, "hello")
				list = append(list, d.result().Elapsed)
			}
			for range 4 {
				d.result()
			}
			median(b, list)
		})
		b.Run(fmt.Sprintf("here/%d", turn), func(b *testing.B) {
			x := exec.Exec{Args: args, Stdin: []byte("hello"), Memory: 16 << 20, Output: 1 << 20, Timeout: time.Hour}
			var list []time.Duration
			for b.Loop() {
				out := p.Run(b.Context(), x)
				if string(out.Stdout) != "hello" {
					b.Fatal(out)
				}
				list = append(list, out.Elapsed)
			}
			median(b, list)
		})
	}
}
