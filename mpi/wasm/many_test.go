package wasm

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
)

// crowd runs n ranks that all are in a call of MPI at once, calls do then, and lets them end.
func crowd(t testing.TB, n int, do func()) {
	t.Helper()
	r := newRuntime(t)
	g := groupOf(t, r, context.Background(), rankWAT("", "(drop (call $rank (i32.const 0) (i32.const 0)))"))
	var wg, in sync.WaitGroup
	in.Add(n)
	on := make(chan struct{})
	for range n {
		wg.Go(func() {
			x := execLimits()
			x.MPI = &library{do: func(*library, string, []uint64) (uint64, error) { in.Done(); <-on; return 0, nil }}
			if out := g.Run(x); out.Reason != "" {
				t.Errorf("%s: %s", out.Reason, out.Detail)
			}
		})
	}
	in.Wait()
	do()
	close(on)
	wg.Wait()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// proc is a number of /proc/self/status, in its unit.
func proc(t testing.TB, name string) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			fmt.Sscan(rest, &n)
			return n
		}
	}
	t.Skipf("no %s in /proc/self/status", name)
	return 0
}

func TestManyRanks(t *testing.T) {
	leak.Check(t)
	crowd(t, 256, func() {})
}

// TestThreadsEnd: the threads of ranks end with them, and their memory is given back.
func TestThreadsEnd(t *testing.T) {
	crowd(t, 8, func() {}) // what the first job leaves for the next
	before, size := proc(t, "Threads"), proc(t, "VmSize")
	for range 4 {
		crowd(t, 64, func() {})
	}
	for range 1000 {
		if proc(t, "Threads") <= before+8 {
			break
		}
		time.Sleep(time.Millisecond) // a thread is there until the kernel has buried it
	}
	if n := proc(t, "Threads"); n > before+8 {
		t.Errorf("%d threads before, %d after", before, n)
	}
	if n := proc(t, "VmSize"); n > size+(4<<20) { // one memory reserves more than 4 GiB
		t.Errorf("%d KiB of addresses before, %d after", size, n)
	}
}

// BenchmarkIdleRank tells what a rank takes that waits in a call of MPI, with 64 KiB of memory it
// has not touched.
func BenchmarkIdleRank(b *testing.B) {
	const n = 256
	for b.Loop() {
		runtime.GC()
		rss, size := proc(b, "VmRSS"), proc(b, "VmSize")
		crowd(b, n, func() {
			b.ReportMetric(float64(proc(b, "VmRSS")-rss)/n, "KiB-RSS/rank")
			b.ReportMetric(float64(proc(b, "VmSize")-size)/n/1024, "MiB-reserved/rank")
			b.ReportMetric(float64(proc(b, "Threads"))/n, "threads/rank")
			maps, _ := os.ReadFile("/proc/self/maps")
			b.ReportMetric(float64(strings.Count(string(maps), "\n"))/n, "maps/rank")
		})
	}
}

// BenchmarkGroup is what a job costs before and after its ranks run: a rankGroup, and one rank that
// does nothing.
func BenchmarkGroup(b *testing.B) {
	r := newRuntime(b)
	p := compile(b, r, rankWAT("", "")).(exec.MPIProgram)
	x := execLimits()
	x.MPI = &library{do: ignore}
	for b.Loop() {
		g, err := p.Instances(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		g.Run(x)
		g.Close()
	}
}

// BenchmarkMPICall is the cost of a call of MPI_Recv, which has seven parameters, into a library
// that does nothing.
func BenchmarkMPICall(b *testing.B) {
	const calls = 100_000
	g := groupOf(b, newRuntime(b), context.Background(), rankWAT(
		`(import "env" "MPI_Recv" (func $recv (param i32 i32 i32 i32 i32 i32 i32) (result i32)))`,
		`(local i32) (loop $l
		  (drop (call $recv (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6) (i32.const 7)))
		  (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100000))))`))
	x := execLimits()
	x.MPI = &library{do: ignore}
	b.ReportAllocs()
	for b.Loop() {
		if out := g.Run(x); out.Reason != "" {
			b.Fatal(out.Detail)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/calls, "ns/call")
}
