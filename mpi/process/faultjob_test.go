package process

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
)

// faults is a job in which processes fail. One that was killed makes no more calls. If it waits in
// one it stays there, as on a node that nobody hears of any more, until all others have ended.
type faults struct {
	*testing.T
	nodes  []int
	net    *matchtest.Network
	dead   []atomic.Bool
	calls  atomic.Int64 // of all ranks
	ready  atomic.Int64 // ranks that said so
	killAt []kill       // in ascending order
	next   atomic.Int64 // of killAt
	mu     sync.Mutex   // guards random
	random *rand.Rand
	wg     sync.WaitGroup // those who tell of failures
}

// kill is that a rank is killed once so many calls were made.
type kill struct {
	at   int64
	rank int
}

var errKilled = errors.New("it was killed")

// faultGuest is a rank of such a job.
type faultGuest struct {
	*guest
	*faults
}

func (g *faultGuest) call(name string, args ...any) int32 {
	g.guest.Helper()
	f := g.faults
	n := f.calls.Add(1)
	for i := f.next.Load(); int(i) < len(f.killAt) && f.killAt[i].at <= n; i = f.next.Load() {
		if f.next.CompareAndSwap(i, i+1) {
			f.kill(f.killAt[i].rank)
		}
	}
	if f.dead[g.rank].Load() {
		panic(ended{errKilled})
	}
	code := g.guest.call(name, args...)
	if f.dead[g.rank].Load() {
		panic(ended{errKilled})
	}
	return code
}

func (g *faultGuest) must(name string, args ...any) {
	g.guest.Helper()
	if code := g.call(name, args...); code != abi.Success {
		g.guest.Errorf("rank %d: %s%v returned %s", g.rank, name, args, className(code))
		panic(ended{errors.New(name + " failed")})
	}
}

// returns calls a function that has to return an error class.
func (g *faultGuest) returns(class int32, name string, args ...any) {
	g.guest.Helper()
	if code := g.call(name, args...); code != class {
		g.guest.Errorf("rank %d: %s%v returned %s instead of %s", g.rank, name, args, className(code), className(class))
	}
}

func (g *faultGuest) out(name string, args ...any) int32 {
	g.guest.Helper()
	addr := g.alloc(4)
	g.must(name, append(args, addr)...)
	return g.getInt(addr)
}

// kill fails a rank. The nodes hear of it one after the other, in an order that is drawn.
func (f *faults) kill(rank int) {
	if f.dead[rank].Swap(true) {
		return
	}
	f.mu.Lock()
	worlds := map[int]bool{}
	for _, node := range f.nodes {
		worlds[node] = true
	}
	var order, pauses []int
	for _, node := range f.random.Perm(len(worlds)) {
		order, pauses = append(order, node), append(pauses, f.random.IntN(200))
	}
	f.mu.Unlock()
	f.wg.Go(func() {
		for i, node := range order {
			for range pauses[i] {
				runtime.Gosched()
			}
			f.net.World(node).FailRank(rank, errKilled)
		}
	})
}

// killNow fails a rank, and returns when all nodes know.
func (f *faults) killNow(rank int) {
	f.dead[rank].Store(true)
	for _, node := range f.nodes {
		f.net.World(node).FailRank(rank, errKilled)
	}
}

// dies ends this rank once n ranks are ready, this one included.
func (g *faultGuest) dies(n int64) {
	g.ready.Add(1)
	for g.ready.Load() < n {
		runtime.Gosched()
	}
	g.killNow(g.rank)
	panic(ended{errKilled})
}

// knows waits until a rank's node knows that n processes have failed.
func (g *faultGuest) knows(n int) {
	for w := g.net.World(g.nodes[g.rank]); len(w.Failed()) < n; {
		if w.Over() {
			panic(ended{errors.New("the job is over")})
		}
		runtime.Gosched()
	}
}

// faultJob runs a program as ranks on nodes, numbered from 0, of a job with MPI_ERRORS_RETURN,
// between Init and Finalize. It returns the errors of the ranks that were not killed.
func faultJob(t *testing.T, nodes []int, seed uint64, check bool, kills []kill, program func(g *faultGuest)) []error {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test's time is up"))
	defer cancel()
	net := matchtest.Start(ctx, nodes, seed, match.Config{Notes: check})
	defer net.Close()
	f := &faults{T: t, nodes: nodes, net: net, dead: make([]atomic.Bool, len(nodes)), killAt: kills, random: rand.New(rand.NewPCG(seed, 3))}
	defer f.wg.Wait()
	errs := make([]error, len(nodes))
	var procs []*Process
	for rank, node := range nodes {
		procs = append(procs, New(Config{World: net.World(node), Rank: rank, Nodes: nodes, Slots: len(nodes), Program: "test", Start: time.Now(), Check: check}))
	}
	var living, all sync.WaitGroup
	living.Add(len(nodes))
	left := make([]sync.Once, len(nodes))
	for rank := range nodes {
		all.Go(func() {
			defer left[rank].Do(living.Done)
			defer procs[rank].Close()
			g := &faultGuest{&guest{T: t, p: procs[rank], rank: rank, size: len(nodes), mem: newMemory(t), limit: guestLimit, top: uint32(guestGuard)}, f}
			g.p.Attach(g.guest)
			errs[rank] = g.run(func(*guest) {
				g.must("MPI_Init", 0, 0)
				g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
				g.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsReturn)
				program(g)
				g.must("MPI_Finalize")
			})
			if errs[rank] != nil && !f.dead[rank].Load() {
				net.Abort(errs[rank])
			}
		})
	}
	watch := make(chan struct{})
	go func() { // those that were killed are not waited for
		defer close(watch)
		for {
			for rank := range nodes {
				if f.dead[rank].Load() {
					left[rank].Do(living.Done)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	living.Wait()
	net.Abort(errKilled)
	all.Wait()
	cancel()
	<-watch
	for rank := range errs {
		if f.dead[rank].Load() {
			errs[rank] = nil
		}
	}
	return errs
}

// faultJobOn is faultJob for ranks that all have to end well but for those that are killed.
func faultJobOn(t *testing.T, nodes []int, program func(g *faultGuest)) {
	t.Helper()
	for rank, err := range faultJob(t, nodes, 1, false, nil, program) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}
