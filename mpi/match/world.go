package match

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/buffers"
)

// World is the ranks of one job on this node. It is safe for use by many goroutines.
type World struct {
	cfg       Config
	endpoints []*Endpoint // by rank; nil for those of other nodes
	local     []*Endpoint
	cores     int64
	pool      buffers.Pool // for eager messages and packets
	failure   atomic.Pointer[error]
	// processes that have failed; nil for none; changed under mu
	failed atomic.Pointer[failures]
	scopes scopes
	ctx    context.Context
	cancel context.CancelFunc
	stop   func() bool // cancels the watch of New's context
	ranks  func() []int32

	ringAfter, ringSlots int // the constants of these names, but in tests

	mu     sync.Mutex
	closed bool
	pumps  map[int]*pump // by rank they send to
	wg     sync.WaitGroup
}

// Load counts the ranks of one world or more.
type Load struct {
	ranks  atomic.Int64
	busy   atomic.Int64 // those that use a core: that run or spin, not those that are parked
	others atomic.Int64 // ranks of other processes, which may all be busy
}

// Others says how many ranks of other processes share the machine.
func (l *Load) Others(n int) { l.others.Store(int64(n)) }

// add counts ranks, all busy, or with a negative n those that have ended.
func (l *Load) add(n int) {
	l.ranks.Add(int64(n))
	l.busy.Add(int64(n))
}

// New makes a world. It starts nothing.
func New(ctx context.Context, cfg Config) *World {
	defaults(&cfg.Eager, DefaultEager)
	defaults(&cfg.Room, max(min(DefaultRoom, MaxHeld/max(cfg.Size, 1)), minRoom))
	defaults(&cfg.Queue, DefaultQueue)
	if cfg.Load == nil {
		cfg.Load = new(Load)
	}
	w := &World{cfg: cfg, cores: int64(cfg.Cores), endpoints: make([]*Endpoint, cfg.Size), pumps: map[int]*pump{}}
	if cfg.Cores == 0 {
		w.cores = int64(min(runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	}
	w.ranks = sync.OnceValue(func() []int32 {
		all := make([]int32, cfg.Size)
		for r := range all {
			all[r] = int32(r)
		}
		return all
	})
	w.ringAfter, w.ringSlots = ringAfter, ringSlots
	w.ctx, w.cancel = context.WithCancel(ctx)
	seed := rand.Uint64()
	for _, rank := range cfg.Local {
		e := &Endpoint{w: w, rank: rank}
		e.ctx, e.cancel = context.WithCancel(w.ctx)
		e.tasks.idle.L = &e.tasks.mu
		e.posted.seed, e.unexpected.seed = seed, seed
		w.endpoints[rank] = e
		w.local = append(w.local, e)
	}
	cfg.Load.add(len(w.local))
	w.stop = context.AfterFunc(ctx, func() { w.Abort(context.Cause(ctx)) })
	return w
}

func defaults(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// Endpoint is where a local rank sends and receives.
func (w *World) Endpoint(rank int) *Endpoint { return w.endpoints[rank] }

// Ranks are all ranks of the job. All callers share the list, which must not change: in a large job
// a list for each rank would be most of what a rank keeps.
func (w *World) Ranks() []int32 { return w.ranks() }

// Abort ends the job on this node: whatever waits, now and later, returns err.
func (w *World) Abort(err error) {
	if !w.failure.CompareAndSwap(nil, &err) {
		return
	}
	w.cancel()
	for _, e := range w.local {
		e.notify()
	}
}

// Over reports whether the world was aborted: whatever computes for long asks it now and then.
func (w *World) Over() bool { return w.failure.Load() != nil }

// err is what the world was aborted with.
func (w *World) err() error {
	if p := w.failure.Load(); p != nil {
		return *p
	}
	return nil
}

var errClosed = errors.New("match: the job is over")

// Close ends what the world started and waits for it. No endpoint is used after it.
func (w *World) Close() {
	w.stop()
	w.Abort(errClosed)
	for _, e := range w.local {
		e.Close()
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wg.Wait()
}

// spawn runs f in a goroutine of the world, unless it is closed.
func (w *World) spawn(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.wg.Go(w.guarded(f))
	}
	return !w.closed
}
