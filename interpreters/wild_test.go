package interpreters_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
)

// Whatever a program calls, with whatever arguments, it gets errors of MPI or an end of its own. What must not happen: a fault of the host,
// memory of another program touched, the host's memory or time taken without bound, or anything left running.
const (
	wildMemory = 32 << 20         // of one rank
	wildGrowth = 512 << 20        // of the host's memory at most, with that of the ranks
	wildTime   = 20 * time.Second // that ranks take to end after their job, at most
)

// wildPrograms runs jobs of wild programs.
type wildPrograms struct {
	program exec.MPIProgram
	types   [][]string // see parameterTypes
}

func newWildPrograms(t testing.TB) *wildPrograms {
	t.Helper()
	rt := wasm.New(wasm.Config{})
	p, err := rt.Compile(context.Background(), buildWild(wildData()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		rt.Close()
	})
	return &wildPrograms{p.(exec.MPIProgram), parameterTypes(t)}
}

// wildJob is one job: ranks 0 to 2 make calls out of bytes; rank 3, the witness, receives what they send it, and nothing else of its
// memory may change.
type wildJob struct {
	t     testing.TB
	types [][]string
	net   *matchtest.Network
	abort func(error) // ends the job, as a node does

	ready atomic.Int64 // ranks that are set up, or have ended before
	moves atomic.Int64 // calls begun and ended

	mu     sync.Mutex
	called map[int]int // how often each function was, by the wild ranks, apart from their setup
}

var wildNodes = []int{0, 0, 1, 1}

const witness = 3

var (
	errStuck    = errors.New("nothing moves any more")
	errNotReady = errors.New("the ranks are not set up")
)

// wildMode is what the calls of the ranks have in common.
type wildMode byte

const (
	wildAlone wildMode = iota // nothing
	wildAlike                 // everything
	wildNear                  // the functions, and most of the arguments
	wildModes
)

// run runs one job. Each call is made of wildChunk bytes of in; every other one calls the function only, if that is not negative, and more
// times once more.
func (w *wildPrograms) run(t testing.TB, mode wildMode, in []byte, only int, more uint32) *wildJob {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	gang, err := w.program.RankGroup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	j := &wildJob{t: t, types: w.types, net: matchtest.Start(ctx, wildNodes, 1, match.Config{}), called: map[int]int{}}
	j.abort = func(err error) {
		j.net.Abort(err)
		cancel(err)
	}
	var ranks, watch sync.WaitGroup
	for rank := range wildNodes {
		r := newWildRank(j, rank, mode, in, only)
		r.more = more
		ranks.Go(func() {
			r.check(gang.Run(exec.Exec{
				Args: []string{"wild"}, MPI: r, Memory: wildMemory, Timeout: time.Hour, Scratch: &exec.Scratch{Limit: 1 << 20},
				Streams: &exec.Streams{In: r, Out: io.Discard, Err: io.Discard},
			}))
		})
	}
	over := make(chan struct{})
	watch.Go(func() { j.watch(over) })
	ranks.Wait()
	close(over)
	watch.Wait()
	j.net.Close()
	if err := gang.Close(); err != nil {
		t.Error(err)
	}
	return j
}

// watch ends the job when nothing moves any more: every rank waits for another, or is in a call that takes long. How soon it does so is no
// matter but for how far the ranks get.
func (j *wildJob) watch(over chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	start, quiet, before := time.Now(), 0, int64(-1)
	var aborted time.Time
	for {
		select {
		case <-over:
			if !aborted.IsZero() && time.Since(aborted) > wildTime {
				j.t.Errorf("the ranks ended %v after their job", time.Since(aborted))
			}
			return
		case <-tick.C:
		}
		now := j.moves.Load()
		if quiet++; now != before {
			quiet, before = 0, now
		}
		switch {
		case !aborted.IsZero() && time.Since(aborted) > 3*wildTime:
			panic("the ranks do not end") // which shows where they are
		case !aborted.IsZero():
		case j.ready.Load() == int64(len(wildNodes)) && quiet >= 5:
			aborted = time.Now()
			j.abort(errStuck)
		case j.ready.Load() < int64(len(wildNodes)) && time.Since(start) > time.Minute:
			aborted = time.Now()
			j.abort(errNotReady)
		}
	}
}

// wildRank is one rank: the library that its program calls, and the standard input that tells the program what.
type wildRank struct {
	*wildCalls
	j     *wildJob
	rank  int
	lib   *process.Process
	isSet atomic.Bool // it is set up
}

func newWildRank(j *wildJob, rank int, mode wildMode, in []byte, only int) *wildRank {
	lib := process.New(process.Config{
		World: j.net.World(wildNodes[rank]), Rank: rank, Nodes: wildNodes, Slots: len(wildNodes), Processor: "wild", Program: "wild", Start: time.Now(),
	})
	return &wildRank{wildCalls: newWildCalls(j.types, rank, mode, in, only), j: j, rank: rank, lib: lib}
}

// Attach implements [exec.Library].
func (r *wildRank) Attach(g exec.Guest) {
	r.guest = g
	r.lib.Attach(g)
}

// Read gives the program its next call.
func (r *wildRank) Read(to []byte) (int, error) {
	if !r.isSet.Load() && r.setup() {
		r.isSet.Store(true)
		r.j.ready.Add(1)
	}
	record, ok := r.next()
	if !ok || len(to) < len(record) {
		return 0, io.EOF
	}
	return copy(to, record), nil
}

// Call implements [exec.Library].
func (r *wildRank) Call(f int, args []uint64) (uint64, error) {
	in := !r.isSet.Load()
	given := [wildArgs]uint64{}
	copy(given[:], args)
	what := func() string {
		return fmt.Sprintf("%s%#x", abi.Functions[f].Name, given[:len(abi.Functions[f].Params)])
	}
	r.j.moves.Add(1)
	result, err := r.lib.Call(f, args)
	r.j.moves.Add(1)
	switch {
	case in && (err != nil || result != abi.Success):
		r.j.t.Errorf("rank %d: the setup fails: %s: %d, %v", r.rank, what(), int32(result), err)
	case err == nil && abi.Functions[f].Result != 'd' && result>>32 != 0:
		r.j.t.Errorf("rank %d: a result of more than 32 bits: %s: %#x", r.rank, what(), result)
	case err == nil && result == abi.Success && r.rank != witness:
		r.keep(f, given[:])
	}
	if !in {
		r.j.mu.Lock()
		r.j.called[f]++
		r.j.mu.Unlock()
	}
	return result, err
}

// Close implements [exec.Library]. The memory is still there.
func (r *wildRank) Close() {
	r.lib.Close()
	if r.rank != witness {
		return
	}
	mem, want := r.guest.Memory(), wildData()
	for _, own := range [][2]int{{0, wildAreaSize}, {witnessAt, witnessAt + witnessSize}} {
		copy(want[own[0]:own[1]], mem[own[0]:])
	}
	for i := range want {
		if mem[i] != want[i] {
			r.j.t.Errorf("the witness' memory has changed at %#x: %#x, not %#x", i, mem[i], want[i])
			return
		}
	}
}

// check checks how the rank ended.
func (r *wildRank) check(out exec.Outcome) {
	ok := false
	switch out.Reason {
	case "", mpi.Trapped, mpi.Exited, mpi.OutOfMemory, mpi.Aborted:
		ok = r.isSet.Load()
	case mpi.Cancelled:
		ok = out.Detail == errStuck.Error()
	}
	if !r.isSet.Load() {
		r.j.ready.Add(1)
	}
	if !ok || out.Memory > wildMemory {
		r.j.t.Errorf("rank %d ended: %s, %d bytes: %s", r.rank, out.Reason, out.Memory, out.Detail)
	}
}

// bystander is a program of another job. It waits, and nothing of its memory may change.
func (w *wildPrograms) bystander(t *testing.T) (end func()) {
	gang, err := w.program.RankGroup(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	net := matchtest.Start(context.Background(), []int{0}, 0, match.Config{})
	r := &bystander{Process: process.New(process.Config{World: net.World(0), Rank: 0, Nodes: []int{0}, Slots: 1, Start: time.Now()}), t: t}
	var wg sync.WaitGroup
	wg.Go(func() {
		in := bytes.NewReader(bytes.Join([][]byte{wildRecordOf("MPI_Init", 0, 0), wildRecordOf("MPI_Recv", witnessAt, 1, abi.Int, 0, 0, abi.CommSelf, 0)}, nil))
		out := gang.Run(exec.Exec{Args: []string{"wild"}, MPI: r, Memory: wildMemory, Streams: &exec.Streams{In: in, Out: io.Discard, Err: io.Discard}})
		if out.Reason != mpi.Cancelled || out.Detail != errStuck.Error() {
			t.Errorf("the bystander ended: %s: %s", out.Reason, out.Detail)
		}
	})
	return func() {
		net.Abort(errStuck)
		wg.Wait()
		net.Close()
		gang.Close()
	}
}

type bystander struct {
	*process.Process
	guest exec.Guest
	t     *testing.T
}

func (b *bystander) Attach(g exec.Guest) {
	b.guest = g
	b.Process.Attach(g)
}

func (b *bystander) Close() {
	b.Process.Close()
	if mem, want := b.guest.Memory(), wildData(); !bytes.Equal(mem[wildAreaSize:len(want)], want[wildAreaSize:]) {
		b.t.Error("the memory of a program of another job has changed")
	}
}

// footprint is what this process has taken of the machine's memory, in bytes.
type footprint struct {
	heap     uint64 // addresses for Go's heap, also those that are free again or were never written to
	resident uint64 // 0 if the system does not tell
}

// smallFootprint gives back what memory there is to give back before it looks, and has peakFootprint look from here.
func smallFootprint() footprint {
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return peakFootprint()
}

// peakFootprint is the most that was taken since smallFootprint.
func peakFootprint() (f footprint) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	f.heap = stats.HeapSys
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		fmt.Sscan(after, &f.resident)
		f.resident <<= 10
	}
	return f
}

// bounded checks how much more of the machine's memory has been taken.
func bounded(t testing.TB, before footprint) {
	t.Helper()
	after := peakFootprint()
	for what, v := range map[string][2]uint64{"Go's heap": {before.heap, after.heap}, "resident memory": {before.resident, after.resident}} {
		if v[1] > v[0]+wildGrowth {
			t.Errorf("%s was at %d MiB, and grew by up to %d MiB", what, v[0]>>20, (v[1]-v[0])>>20)
		}
	}
}

// joined checks that there are no more goroutines than before.
func joined(t testing.TB, before int) {
	t.Helper()
	for range 2000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond) // one that is joined is counted until it has left the scheduler
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}

// Each function, from three ranks that call it alone, alike or nearly alike, and then many times.
func TestWildPrograms(t *testing.T) {
	w := newWildPrograms(t)
	goroutines, memory := runtime.NumGoroutine(), smallFootprint()
	leave := w.bystander(t)
	calls := 0
	for i, f := range abi.Functions {
		t.Run(f.Name, func(t *testing.T) {
			random := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
			called := 0
			for _, how := range []struct {
				mode wildMode
				n    int
				more uint32
			}{{wildMode(i) % wildModes, 24, 0}, {wildAlone, 6, 300}} {
				in := make([]byte, how.n*wildChunk)
				random.Read(in)
				j := w.run(t, how.mode, in, i, how.more)
				called += j.called[i]
				for _, n := range j.called {
					calls += n
				}
			}
			if called == 0 {
				t.Error("it was never called")
			}
		})
	}
	leave()
	joined(t, goroutines)
	bounded(t, memory)
	t.Logf("%d calls", calls)
}

// FuzzWildCalls has three ranks make any calls one after the other.
func FuzzWildCalls(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for mode := range 4 * wildModes {
		in := make([]byte, 1+60*wildChunk)
		random.Read(in)
		in[0] = byte(mode)
		f.Add(in)
	}
	w := newWildPrograms(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || len(in) > 1+200*wildChunk {
			return
		}
		goroutines, memory := runtime.NumGoroutine(), smallFootprint()
		w.run(t, wildMode(in[0])%wildModes, in[1:], -1, 0)
		joined(t, goroutines)
		bounded(t, memory)
	})
}
