package wasm

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

var _ exec.Runtime = (*Runtime)(nil)

// Config of a [Runtime].
type Config struct {
	// CacheDir is where compiled code is kept between runs, by this package alone. It is
	// made when it is first needed, and may be shared with other processes. Empty for no cache.
	CacheDir  string
	CacheSize int64        // bytes kept in CacheDir; 0 for 1 GiB
	MaxModule int          // bytes of a module at most; 0 for 64 MiB
	Log       *slog.Logger // nil to discard

	// HandlerSlots is how many handlers run at once. So many instances have a place in the pool,
	// and those beyond are slower to make. 0 for no pool.
	HandlerSlots int
}

// Runtime compiles programs and runs them. It is safe for use by many goroutines.
type Runtime struct {
	cfg    Config
	log    *slog.Logger
	cache  *cache
	inPool atomic.Int32 // instances
	// compiling is held by whoever compiles: wasmtime uses all cores for one module, and
	// takes some hundred times its size in memory.
	compiling chan struct{}
	// inspecting is held by whoever looks into a module, which may take some 100 MB, or more to
	// change it. It is not compiling: what is in the cache does not wait for a compilation.
	inspecting chan struct{}
	builds     sync.WaitGroup // goroutines of build
	once       sync.Once      // of Close

	mu       sync.Mutex
	engines  [engineKinds]*native.Engine // each made when it is first needed
	slots    int                         // of the pool; 0 for none
	closed   bool
	codes    map[codeID]*code
	flights  map[codeID]*flight
	handlers map[*handler]struct{}   // running, to be ended by Close
	groups   map[*rankGroup]struct{} // open, to be ended by Close
	running  sync.WaitGroup          // instances and ranks, and those abandoned
}

// New makes a runtime. Nothing is allocated, started or read before the first Compile.
func New(cfg Config) *Runtime {
	if cfg.CacheSize == 0 {
		cfg.CacheSize = 1 << 30
	}
	if cfg.MaxModule == 0 {
		cfg.MaxModule = exec.MaxModule
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	slots := 0
	if p := cfg.pool(); p != nil {
		slots = p.Slots
	}
	return &Runtime{
		cfg:        cfg,
		log:        cfg.Log,
		cache:      newCache(cfg.CacheDir, cfg.CacheSize, cfg.Log),
		compiling:  make(chan struct{}, 1),
		inspecting: make(chan struct{}, 1),
		codes:      map[codeID]*code{},
		flights:    map[codeID]*flight{},
		handlers:   map[*handler]struct{}{},
		groups:     map[*rankGroup]struct{}{},
		slots:      slots,
	}
}

var errClosed = errors.New("wasm: the runtime is closed")

// Close ends what runs, with [mpi.Cancelled], waits for it, and frees all code. It waits
// for a module that is being compiled, which cannot be interrupted, and for an abandoned
// instance's files: whoever gave those has to end their reads. It is idempotent.
func (r *Runtime) Close() error {
	r.once.Do(r.close)
	return nil
}

func (r *Runtime) close() {
	r.mu.Lock()
	r.closed = true
	for h := range r.handlers {
		h.cancel()
	}
	for g := range r.groups {
		g.cancel(errStopping)
	}
	r.mu.Unlock()

	r.builds.Wait()
	r.running.Wait()

	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.codes {
		c.close()
		delete(r.codes, id)
	}
	for _, e := range r.engines {
		if e != nil {
			e.Close()
		}
	}
}

// enter counts in a run of a handler, if both its program and the runtime are open. leave counts it
// out.
func (r *Runtime) enter(h *handler) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || h.p.closed {
		return false
	}
	r.handlers[h] = struct{}{}
	r.running.Add(1)
	h.p.running.Add(1)
	return true
}

func (r *Runtime) leave(h *handler) {
	r.mu.Lock()
	delete(r.handlers, h)
	r.mu.Unlock()
	h.p.running.Done()
	r.running.Done()
}
