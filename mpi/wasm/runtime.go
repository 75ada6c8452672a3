package wasm

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
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
}

// Runtime compiles programs and runs them. It is safe for use by many goroutines.
type Runtime struct {
	cfg    Config
	log    *slog.Logger
	cache  *cache
	ticker ticker
	// compiling is held by whoever compiles: wasmtime uses all cores for one module, and
	// takes some hundred times its size in memory.
	compiling chan struct{}
	// inspecting is held by whoever looks into a module, which may take some 100 MB, or more to change it. It is not
	// compiling: what is in the cache does not wait for a compilation.
	inspecting chan struct{}
	builds     sync.WaitGroup // goroutines of build
	once       sync.Once      // of Close

	mu        sync.Mutex
	eng       *engine // made for the first handler
	engMPI    *engine // made for the first MPI program
	closed    bool
	codes     map[codeID]*code
	flights   map[codeID]*flight
	instances map[*instance]struct{}  // running, to be ended by Close
	gangs     map[*rankGroup]struct{} // open, to be ended by Close
	running   sync.WaitGroup          // instances and ranks, and those abandoned
}

// New makes a runtime. Nothing is allocated, started or read before the first Compile.
func New(cfg Config) *Runtime {
	if cfg.CacheSize == 0 {
		cfg.CacheSize = 1 << 30
	}
	if cfg.MaxModule == 0 {
		cfg.MaxModule = 64 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Runtime{
		cfg:        cfg,
		log:        cfg.Log,
		cache:      newCache(cfg.CacheDir, cfg.CacheSize, cfg.Log),
		compiling:  make(chan struct{}, 1),
		inspecting: make(chan struct{}, 1),
		codes:      map[codeID]*code{},
		flights:    map[codeID]*flight{},
		instances:  map[*instance]struct{}{},
		gangs:      map[*rankGroup]struct{}{},
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
	for in := range r.instances {
		in.cancel()
	}
	for g := range r.gangs {
		g.cancel(errStopping)
	}
	r.mu.Unlock()

	r.builds.Wait()
	r.ticker.runOut()
	r.running.Wait()
	r.ticker.close()

	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.codes {
		c.close()
		delete(r.codes, id)
	}
	for _, eng := range []*engine{r.eng, r.engMPI} {
		if eng != nil {
			eng.close()
		}
	}
}

// engine returns the engine of handlers or that of MPI programs, making it for the first caller.
func (r *Runtime) engine(mpi bool) (*engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := &r.eng
	if mpi {
		at = &r.engMPI
	}
	if *at == nil {
		eng, err := newEngine(mpi)
		if err != nil {
			return nil, err
		}
		if *at = eng; !mpi {
			r.ticker.tick = eng.IncrementEpoch
		}
	}
	return *at, nil
}

// enter counts in an instance of p, if both p and the runtime are open. leave counts it out.
func (r *Runtime) enter(p *program, in *instance) bool {
	r.mu.Lock()
	if r.closed || p.closed {
		r.mu.Unlock()
		return false
	}
	r.instances[in] = struct{}{}
	r.running.Add(1)
	p.running.Add(1)
	r.mu.Unlock()
	r.ticker.enter()
	return true
}

func (r *Runtime) leave(p *program, in *instance) {
	r.ticker.leave()
	r.mu.Lock()
	delete(r.instances, in)
	r.mu.Unlock()
	p.running.Done()
	r.running.Done()
}
