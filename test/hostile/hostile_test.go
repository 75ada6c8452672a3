// Package hostile_test runs programs that call every function of MPI with any argument, in any
// order.
package hostile_test

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
	"github.com/ipfs-mpi/ipfs-mpi/test/guest"
	"github.com/ipfs-mpi/ipfs-mpi/test/leak"
)

// A call with any arguments may return an error of MPI or end its program. It must not crash the
// host, change the memory of another program, take more than the limits below, or leave anything
// running.
const (
	maxMemory = 32 << 20         // bytes of linear memory for one rank
	maxGrowth = 512 << 20        // bytes by which the process may grow, its ranks included
	endTime   = 20 * time.Second // limit for ranks to end after their job has been aborted
)

// hostilePrograms runs jobs of hostile programs.
type hostilePrograms struct {
	program exec.MPIProgram
	types   [][]string // see parameterTypes
}

func newHostilePrograms(t testing.TB) *hostilePrograms {
	t.Helper()
	programs := guest.NewCache()
	t.Cleanup(func() { programs.Close() })
	p, err := programs.LoadMPI("hostile", func() ([]byte, error) { return buildProgram(initialMemory()), nil })
	if err != nil {
		t.Fatal(err)
	}
	return &hostilePrograms{p, parameterTypes(t)}
}

// hostileJob is one job. Ranks 0 to 2 make calls that are decoded from random bytes. Rank 3, the
// witness, posts one receive: no memory of its own but the receive's buffer may change.
type hostileJob struct {
	t     testing.TB
	types [][]string
	net   *matchtest.Network
	abort func(error) // ends the job, as a node does

	ready atomic.Int64 // ranks whose setup is done, or that ended in it
	moves atomic.Int64 // counts begins and ends of calls

	mu     sync.Mutex
	called map[int]int // calls of each function after the setup
}

var jobNodes = [4]int{0, 0, 1, 1}

const witness = 3

var (
	errStuck    = errors.New("nothing moves any more")
	errNotReady = errors.New("the ranks are not set up")
)

// callMode says what the ranks' calls have in common.
type callMode byte

const (
	callsAlone callMode = iota // nothing
	callsAlike                 // everything
	callsNear                  // the functions, and most of the arguments
	callModes
)

// run runs one job. Each call is decoded from chunkSize bytes of in. If only is not negative, every
// other call is of that function, and is repeated more times.
func (w *hostilePrograms) run(t testing.TB, mode callMode, in []byte, only int, more uint32) *hostileJob {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	j := &hostileJob{t: t, types: w.types, net: matchtest.Start(ctx, jobNodes[:], 1, match.Config{}), called: map[int]int{}}
	j.abort = func(err error) {
		j.net.Abort(err)
		cancel(err)
	}
	var (
		watch sync.WaitGroup
		ranks [len(jobNodes)]*hostileRank
		over  = make(chan struct{})
	)
	for rank := range ranks {
		ranks[rank] = newHostileRank(j, rank, mode, in, only)
		ranks[rank].more = more
	}
	watch.Go(func() { j.watch(over) })
	err := guest.Ranks(ctx, w.program, len(ranks), func(rank int) exec.Exec {
		r := ranks[rank]
		return exec.Exec{
			Args: []string{"hostile"}, MPI: r, Memory: maxMemory, Timeout: time.Hour, Scratch: &exec.Scratch{Limit: 1 << 20},
			Streams: &exec.Streams{In: r, Out: io.Discard, Err: io.Discard},
		}
	}, func(rank int, _ exec.Exec, out exec.Outcome) { ranks[rank].check(out) })
	if err != nil {
		t.Error(err)
	}
	close(over)
	watch.Wait()
	j.net.Close()
	return j
}

// watch aborts the job when no call begins or ends for some ticks: every rank waits for another, or
// is in a long call. An early abort only means that fewer calls are tested.
func (j *hostileJob) watch(over chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	start, quiet, before := time.Now(), 0, int64(-1)
	var aborted time.Time
	for {
		select {
		case <-over:
			if !aborted.IsZero() && time.Since(aborted) > endTime {
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
		case !aborted.IsZero() && time.Since(aborted) > 3*endTime:
			panic("the ranks do not end") // prints all stacks
		case !aborted.IsZero():
		case j.ready.Load() == int64(len(jobNodes)) && quiet >= 5:
			aborted = time.Now()
			j.abort(errStuck)
		case j.ready.Load() < int64(len(jobNodes)) && time.Since(start) > time.Minute:
			aborted = time.Now()
			j.abort(errNotReady)
		}
	}
}

// hostileRank is one rank: the library that its program calls, and the standard input that tells
// the program what.
type hostileRank struct {
	*hostileCalls
	j     *hostileJob
	rank  int
	lib   *process.Process
	isSet atomic.Bool // it is set up
	// a rank that is set up revoked one of its communicators before it was
	revoked bool
}

func newHostileRank(j *hostileJob, rank int, mode callMode, in []byte, only int) *hostileRank {
	lib := process.New(process.Config{
		World: j.net.World(jobNodes[rank]), Rank: rank, Nodes: jobNodes[:], Slots: len(jobNodes), Processor: "hostile", Program: "hostile", Start: time.Now(),
	})
	return &hostileRank{hostileCalls: newHostileCalls(j.types, rank, mode, in, only), j: j, rank: rank, lib: lib}
}

// Attach implements [exec.Library].
func (r *hostileRank) Attach(g exec.Guest) {
	r.guest = g
	r.lib.Attach(g)
}

// Read gives the program its next call.
func (r *hostileRank) Read(to []byte) (int, error) {
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
func (r *hostileRank) Call(f int, args []uint64) (uint64, error) {
	in := !r.isSet.Load()
	given := [maxArgs]uint64{}
	copy(given[:], args)
	what := func() string {
		return fmt.Sprintf("%s%#x", abi.Functions[f].Name, given[:len(abi.Functions[f].Params)])
	}
	r.j.moves.Add(1)
	result, err := r.lib.Call(f, args)
	r.j.moves.Add(1)
	switch {
	case in && err == nil && (result == abi.ErrRevoked || r.revoked):
		r.revoked = true
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

// Close implements [exec.Library]. The guest's memory is still mapped.
func (r *hostileRank) Close() {
	r.lib.Close()
	if r.rank != witness {
		return
	}
	mem, want := r.guest.Memory(), initialMemory()
	for _, own := range [][2]int{{0, areaSize}, {witnessAt, witnessAt + witnessSize}} {
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
func (r *hostileRank) check(out exec.Outcome) {
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
	if !ok || out.Memory > maxMemory {
		r.j.t.Errorf("rank %d ended: %s, %d bytes: %s", r.rank, out.Reason, out.Memory, out.Detail)
	}
}

// bystander runs a program of another job, which waits. Its memory must not change.
func (w *hostilePrograms) bystander(t *testing.T) (end func()) {
	net := matchtest.Start(context.Background(), []int{0}, 0, match.Config{})
	r := &bystander{Process: process.New(process.Config{World: net.World(0), Rank: 0, Nodes: []int{0}, Slots: 1, Start: time.Now()}), t: t}
	var wg sync.WaitGroup
	wg.Go(func() {
		in := bytes.NewReader(bytes.Join([][]byte{recordOf("MPI_Init", 0, 0), recordOf("MPI_Recv", witnessAt, 1, abi.Int, 0, 0, abi.CommSelf, 0)}, nil))
		err := guest.Ranks(context.Background(), w.program, 1, func(int) exec.Exec {
			return exec.Exec{Args: []string{"hostile"}, MPI: r, Memory: maxMemory, Streams: &exec.Streams{In: in, Out: io.Discard, Err: io.Discard}}
		}, func(_ int, _ exec.Exec, out exec.Outcome) {
			if out.Reason != mpi.Cancelled || out.Detail != errStuck.Error() {
				t.Errorf("the bystander ended: %s: %s", out.Reason, out.Detail)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
	return func() {
		net.Abort(errStuck)
		wg.Wait()
		net.Close()
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
	if mem, want := b.guest.Memory(), initialMemory(); !bytes.Equal(mem[areaSize:len(want)], want[areaSize:]) {
		b.t.Error("the memory of a program of another job has changed")
	}
}

// footprint is what this process has taken of the machine's memory, in bytes.
type footprint struct {
	// addresses for Go's heap, also those that are free again or were never written to
	heap     uint64
	resident uint64 // 0 if the system does not tell
}

// smallFootprint returns free memory to the system, resets the kernel's peak, and measures.
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

// bounded fails the test if the process has grown by more than maxGrowth.
func bounded(t testing.TB, before footprint) {
	t.Helper()
	after := peakFootprint()
	for what, v := range map[string][2]uint64{"Go's heap": {before.heap, after.heap}, "resident memory": {before.resident, after.resident}} {
		if v[1] > v[0]+maxGrowth {
			t.Errorf("%s was at %d MiB, and grew by up to %d MiB", what, v[0]>>20, (v[1]-v[0])>>20)
		}
	}
}

// Three ranks call each function with arguments of their own, equal or nearly equal ones, and then
// many times.
func TestHostilePrograms(t *testing.T) {
	w := newHostilePrograms(t)
	goroutines, memory := runtime.NumGoroutine(), smallFootprint()
	leave := w.bystander(t)
	calls := 0
	for i, f := range abi.Functions {
		t.Run(f.Name, func(t *testing.T) {
			random := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
			called := 0
			for _, how := range []struct {
				mode callMode
				n    int
				more uint32
			}{{callMode(i) % callModes, 24, 0}, {callsAlone, 6, 300}} {
				in := make([]byte, how.n*chunkSize)
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
	leak.NoMore(t, goroutines)
	bounded(t, memory)
	t.Logf("%d calls", calls)
}

// FuzzHostileCalls has three ranks make any calls one after the other.
func FuzzHostileCalls(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for mode := range 4 * callModes {
		in := make([]byte, 1+60*chunkSize)
		random.Read(in)
		in[0] = byte(mode)
		f.Add(in)
	}
	w := newHostilePrograms(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || len(in) > 1+200*chunkSize {
			return
		}
		goroutines, memory := runtime.NumGoroutine(), smallFootprint()
		w.run(t, callMode(in[0])%callModes, in[1:], -1, 0)
		leak.NoMore(t, goroutines)
		bounded(t, memory)
	})
}
