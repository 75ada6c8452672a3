package match

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// ways to wait, by Config.Cores: to spin for a while, on cores enough and on one that has to be
// left to others, and to park at once.
var ways = map[string]int{"spin": 1 << 10, "leave": 1, "park": -1}

// Ranks that wait for each other all the time are always woken, whatever comes between spinning and
// sleeping.
func TestNoLostWakeups(t *testing.T) {
	for name, cores := range ways {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, []int{0, 0, 1, 0, 1}, 3, Config{Cores: cores, Room: 2000})
			n.start()
			const rounds = 300
			var wg sync.WaitGroup
			for me := range n.nodes {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(uint64(me), 5))
					e, size := n.end(me), len(n.nodes)
					var s, r Request
					for i := range rounds {
						out, in := make([]byte, 8+random.IntN(20_000)), make([]byte, 30_000)
						binary.LittleEndian.PutUint64(out, uint64(i))
						e.Recv(&r, from((me+size-1)%size, 1), datatype.Of(in))
						e.Send(&s, to(me, (me+1)%size, 1), datatype.Of(out), Mode(random.IntN(2)))
						if err := errors.Join(e.WaitFor(&s), e.WaitFor(&r)); err != nil {
							t.Error(err)
							return
						}
						if got := binary.LittleEndian.Uint64(in); got != uint64(i) {
							t.Errorf("rank %d: message %d in round %d", me, got, i)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Abort, and the end of the context, end every wait, before and after they begin.
func TestAbort(t *testing.T) {
	gone := errors.New("the peer is gone")
	for name, cores := range ways {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			byContext, byAbort := New(ctx, Config{Size: 3, Local: []int{0, 1, 2}, Cores: cores}), New(t.Context(), Config{Size: 3, Local: []int{0, 1, 2}, Cores: cores})
			var wg sync.WaitGroup
			for _, w := range []*World{byContext, byAbort} {
				for rank := range 3 {
					wg.Go(func() {
						e := w.Endpoint(rank)
						var r Request
						e.Recv(&r, from(abi.AnySource, 1), datatype.Of(nil))
						for range 2 {
							if err := e.WaitFor(&r); !errors.Is(err, gone) {
								t.Errorf("rank %d: Wait: %v", rank, err)
							}
						}
						if err := e.Poll(); !errors.Is(err, gone) {
							t.Errorf("rank %d: Poll: %v", rank, err)
						}
						e.Close()
					})
				}
			}
			cancel(gone)
			byAbort.Abort(gone)
			byAbort.Abort(errors.New("too late"))
			wg.Wait()
			byContext.Close()
			byAbort.Close()
		})
	}
}

// Tasks run one at a time, in order, whether their rank waits or not; those that are the rank's own
// only when it waits or polls.
func TestTasks(t *testing.T) {
	w := New(t.Context(), Config{Size: 1, Local: []int{0}})
	defer w.Close()
	e := w.Endpoint(0)
	const count = 2000
	var running atomic.Int32
	var order []int // written by tasks alone
	var done atomic.Int32
	task := func(i int) func() {
		return func() {
			if running.Add(1) != 1 {
				t.Error("two tasks at once")
			}
			order = append(order, i)
			running.Add(-1)
			done.Add(1)
		}
	}
	owner := make(chan struct{})
	var own atomic.Bool
	go func() {
		defer close(owner)
		for i := range count {
			e.Schedule(task(i), false)
		}
		e.Schedule(func() { own.Store(true) }, true)
	}()
	if err := e.Wait(func() bool { return done.Load() > count/2 }); err != nil {
		t.Fatal(err)
	}
	<-owner // the rank does not wait meanwhile: others run the tasks
	if err := e.Wait(func() bool { return done.Load() == count && own.Load() }); err != nil {
		t.Fatal(err)
	}
	for i, k := range order {
		if i != k {
			t.Fatalf("task %d was run as number %d", k, i)
		}
	}
	finished := make(chan struct{})
	e.Schedule(func() { own.Store(false) }, true)
	e.Schedule(func() { close(finished) }, false)
	<-finished // without a call of the rank
	if !own.Load() {
		t.Error("a task of the rank's own was run by another")
	}
	if err := e.Poll(); err != nil || own.Load() {
		t.Errorf("Poll did not run it: %v", err)
	}
}

// A request's Then is run when it is done, without a call of its rank (MPI 5.0, 3.7.4: progress).
func TestThen(t *testing.T) {
	placed(t, Config{}, func(t *testing.T, n *network) {
		n.start()
		var r, s Request
		e := n.end(1)
		received := make(chan struct{})
		e.Recv(&r, from(0, 1), datatype.Of(make([]byte, 1<<20)))
		if !r.Then(func() { close(received) }) {
			t.Fatal("the receive is done before anything is sent")
		}
		n.end(0).Send(&s, to(0, 1, 1), datatype.Of(make([]byte, 1<<20)), Standard)
		<-received
		if err := n.end(0).WaitFor(&s); err != nil {
			t.Fatal(err)
		}
	})
}

// Once Close returns nobody touches the buffers of the rank: neither those that wait in its mailbox
// nor those that it left in others'.
func TestCloseLetsGo(t *testing.T) {
	for seed := range uint64(10) {
		n := newNetwork(t, []int{0, 0, 1}, seed, Config{Eager: 1000})
		n.start()
		sizes := []int{10, 1000, 20_000, chunk + 1}
		var wg sync.WaitGroup
		for me := range n.nodes {
			wg.Go(func() {
				e := n.end(me)
				random := rand.New(rand.NewPCG(seed, uint64(me)))
				var mem [][]byte
				for range 30 {
					mem = append(mem, make([]byte, sizes[random.IntN(len(sizes))]))
					peer, b := random.IntN(len(n.nodes)), datatype.Of(mem[len(mem)-1])
					if random.IntN(2) == 0 {
						e.Send(new(Request), to(me, peer, 1), b, Standard)
					} else {
						e.Recv(new(Request), from(peer, 1), b)
					}
				}
				e.Close()
				for _, b := range mem { // the race detector sees who touches it now
					for i := range b {
						b[i] = 1
					}
				}
			})
		}
		wg.Wait()
		n.close()
	}
}

// A fault in a task that runs beside the ranks ends the job, and nothing else.
func TestFaultInATask(t *testing.T) {
	var told any // before the ranks are
	w := New(t.Context(), Config{Size: 1, Local: []int{0}, Fault: func(v any, _ []byte) { told = v }})
	e := w.Endpoint(0)
	e.Schedule(func() { panic("of the test") }, false)
	<-w.ctx.Done() // the rank is elsewhere
	var exit *exec.ExitError
	if err := e.Wait(func() bool { return false }); !errors.As(err, &exit) || exit.Reason != mpi.Internal || told != "of the test" {
		t.Errorf("the job ended with %v, and %v was told", err, told)
	}
	w.Close()
}

// What one rank holds of others is bounded, however many there are.
func TestRoomShrinks(t *testing.T) {
	for _, x := range []struct{ size, room int }{{1, DefaultRoom}, {128, DefaultRoom}, {256, DefaultRoom / 2}, {1 << 20, minRoom}} {
		w := New(t.Context(), Config{Size: x.size})
		if w.cfg.Room != x.room {
			t.Errorf("%d ranks: room for %d bytes, want %d", x.size, w.cfg.Room, x.room)
		}
		w.Close()
	}
}

// Whoever sees that the last task of a rank was run sees, too, that the rank was told so: else
// ranks that go on could be taken for deadlocked.
func TestRestTellsTheOwner(t *testing.T) {
	w := New(t.Context(), Config{Size: 1, Local: []int{0}})
	defer w.Close()
	e := w.Endpoint(0)
	for range 5_000 {
		was := e.seq.Load()
		e.Schedule(func() {}, false)
		for rests := false; !rests; {
			e.tasks.mu.Lock()
			rests = !e.tasks.running && len(e.tasks.any) == 0
			told := e.seq.Load() != was
			e.tasks.mu.Unlock()
			if rests && !told {
				t.Fatal("no task runs, and the rank was not told")
			}
		}
	}
}
