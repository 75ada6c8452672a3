package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/codecache"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

var _ exec.Runtime = (*Runtime)(nil)

// RuntimeConfig of a [Runtime]. Zero values are the defaults.
type RuntimeConfig struct {
	Workers Config // how workers are started and watched; needs an Executable
	// CacheDir is where compiled code is kept. It may be shared with other processes. Empty for a
	// temporary directory, which Close removes.
	CacheDir     string
	CacheSize    int64 // bytes kept in CacheDir; 1 GiB
	MaxModule    int   // bytes of a module at most; 64 MiB
	HandlerSlots int   // messages of one program at once; 1
	// Demand makes a worker refuse to run if its lock-down lacks anything. Without it, what is
	// missing is logged once; see [Runtime.Missing].
	Demand bool
	Nice   int // of workers, 0 to 19
	Cores  int // on so many cores all workers run; 0 for all
	Log    *slog.Logger

	Idle          time.Duration // without a message until a handler's worker is ended; 1 min
	Placing       time.Duration // from Place to Placed; 30 s
	CompileTime   time.Duration // of one compilation; 2 min
	CompileMemory int64         // bytes of one compilation; 2 GiB
	Compilations  int           // at once; 2
}

func (c *RuntimeConfig) defaults() {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Idle, time.Minute}, {&c.Placing, 30 * time.Second}, {&c.CompileTime, 2 * time.Minute}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	for _, n := range []struct {
		v *int
		n int
	}{{&c.MaxModule, exec.MaxModule}, {&c.HandlerSlots, 1}, {&c.Compilations, 2}} {
		if *n.v <= 0 {
			*n.v = n.n
		}
	}
	if c.CacheSize <= 0 {
		c.CacheSize = 1 << 30
	}
	if c.CompileMemory <= 0 {
		c.CompileMemory = 2 << 30
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Runtime runs programs in workers: one for each compilation, one for each handler program in use,
// one for each group of ranks. It is for many goroutines.
type Runtime struct {
	cfg       RuntimeConfig
	log       *slog.Logger
	set       *Set
	compiling chan struct{} // held by each compilation in a worker
	ctx       context.Context
	cancel    context.CancelCauseFunc
	wg        sync.WaitGroup // goroutines; raised under mu while closed is false
	lines     backoff.Lines  // in the log, of ends of workers

	mu      sync.Mutex
	closed  bool
	cache   *codecache.Dir // made by the first Compile
	temp    string         // the directory of cache, if Close removes it
	host    string         // what compiled code is for; see hostName
	codes   map[codeID]*code
	flights map[codeID]*flight
	missing string
	told    bool // a worker was locked down: missing is known
}

// NewRuntime makes a runtime. It starts and reads nothing before Start.
func NewRuntime(cfg RuntimeConfig) *Runtime {
	cfg.defaults()
	r := &Runtime{cfg: cfg, log: cfg.Log, compiling: make(chan struct{}, cfg.Compilations),
		codes: map[codeID]*code{}, flights: map[codeID]*flight{}, lines: backoff.Lines{Most: 30, Every: time.Minute}}
	cfg.Workers.ended = r.logEnd
	r.set = New(cfg.Workers)
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r
}

// Start starts the idle worker.
func (r *Runtime) Start() { r.set.Start() }

var errStopping = errors.New("this node is stopping")

// Close ends what runs, with [mpi.Cancelled], and returns when every worker and goroutine has
// ended.
func (r *Runtime) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel(errStopping)
	r.set.Close()
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.codes {
		c.entry.Close()
		delete(r.codes, id)
	}
	var err error
	if r.temp != "" {
		err = os.RemoveAll(r.temp)
		r.temp = ""
	}
	return err
}

// Missing is what the system lacks for locking down workers, empty for nothing. It is known once a
// worker has told.
func (r *Runtime) Missing() (missing string, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing, r.told
}

func (r *Runtime) noteMissing(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = true
	if text != "" && r.missing == "" {
		r.missing = text
		r.log.Warn("workers are not locked down fully", "missing", text)
	}
}

// start starts a goroutine that Close waits for, or reports that the runtime is closed.
func (r *Runtime) start(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.wg.Go(f)
	return true
}

// store returns the cache and what code in it is for.
func (r *Runtime) store() (*codecache.Dir, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, "", ErrClosed
	}
	if r.cfg.Workers.Executable == nil {
		return nil, "", errors.New("worker: there is no executable of workers")
	}
	if r.host == "" {
		sum, err := r.cfg.Workers.Executable.Sum()
		if err != nil {
			return nil, "", err
		}
		r.host = hostName(sum)
	}
	if r.cache == nil {
		dir := r.cfg.CacheDir
		if dir == "" {
			var err error
			if dir, err = os.MkdirTemp("", "ipfs-mpi-code-"); err != nil {
				return nil, "", fmt.Errorf("worker: a directory for compiled code: %w", err)
			}
			r.temp = dir
		}
		r.cache = codecache.New(dir, r.cfg.CacheSize, r.log)
	}
	return r.cache, r.host, nil
}

// hostName describes what compiles code and the processor that it is compiled for.
func hostName(executable [sha256.Size]byte) string {
	features := fmt.Sprintf("%v %v", cpu.X86, cpu.ARM64)
	return strings.Join([]string{string(executable[:]), runtime.GOOS, runtime.GOARCH, features}, "\n")
}

// landing takes a worker's frames: Placed itself, the others are h's.
type landing struct {
	h      Handler
	placed bool // of the goroutine that reads
	answer chan link.Placed
}

func (l *landing) handle(t link.Type, payload []byte) error {
	if l.placed {
		return l.h(t, payload)
	}
	if t != link.TypePlaced {
		return fmt.Errorf("%s before Placed", t)
	}
	var p link.Placed
	if err := link.Parse(payload, &p); err != nil {
		return err
	}
	l.placed = true
	l.answer <- p
	return nil
}

// place gets a worker and has it ready itself for p, which is what u says. Its next frames go to h.
// It may have limit bytes resident, and threads for so many ranks or messages at a time.
func (r *Runtime) place(ctx context.Context, p *link.Place, u use, limit int64, units int, h Handler) (*Worker, error) {
	l := &landing{h: h, answer: make(chan link.Placed, 1)}
	w, err := r.set.Get(ctx, l.handle)
	if err != nil {
		return nil, beforePlace(err)
	}
	p.Demand, p.Nice, p.Cores = r.cfg.Demand, byte(r.cfg.Nice), uint32(r.cfg.Cores)
	w.Limit(limit)
	w.threads.Store(threadLimit(units))
	w.most.Store(p.Memory)
	u.kind, u.since = p.Kind, time.Now()
	w.use.Store(&u)
	if err := w.Send(ctx, p); err != nil {
		w.Dismiss("it was not placed: " + err.Error())
		return nil, beforePlace(err)
	}
	timer := time.NewTimer(r.cfg.Placing)
	defer timer.Stop()
	var a link.Placed
	select {
	case a = <-l.answer:
	case <-w.Done():
		select {
		case a = <-l.answer:
		default:
			return nil, w.End()
		}
	case <-timer.C:
		w.Dismiss(fmt.Sprintf("it was not ready within %v", r.cfg.Placing))
		return nil, w.End()
	case <-ctx.Done():
		w.Dismiss("nobody waits for it any more")
		return nil, context.Cause(ctx)
	}
	if a.Failure != "" {
		w.Dismiss("it could not be placed")
		return nil, fmt.Errorf("the worker: %s", printable(a.Failure))
	}
	r.noteMissing(printable(a.Missing))
	return w, nil
}

// logEnd logs the end of a worker that the log would not have otherwise: one from outside, and a
// crash of one that was for no program yet. Crashes of programs are the node's to log, which knows
// their origins.
func (r *Runtime) logEnd(w *Worker) {
	u, end := w.use.Load(), w.End()
	if end.Cause == "" || end.Crashed && u.kind != 0 || end.Killed && !end.Crashed && !end.suspended {
		return
	}
	if write, omitted := r.lines.Next(); write {
		r.log.Warn("a worker ended", "cause", end.Cause, "kind", kindNames[u.kind], "pid", w.Pid(), "program", printable(clip(u.program, maxName)),
			"job", printable(u.job), "said", end.Said, "lines omitted", omitted)
	}
}

// beforePlace is the error of a worker that was not asked to run anything. That it ended is no
// crash of the program that it was for: see lost.
func beforePlace(err error) error {
	var end *End
	if errors.As(err, &end) {
		return errors.New("no worker could be had: " + end.Error())
	}
	return err
}

// printable replaces what a terminal would take for more than text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\uFFFD' || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
