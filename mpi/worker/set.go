package worker

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// Config says how workers are started and watched. Zero values are the defaults.
type Config struct {
	Executable *Executable
	Name       string        // argument 0; "ipfs-mpi-worker"
	Grace      time.Duration // from Stop to SIGKILL; 1 s
	Silence    time.Duration // without an answer until SIGKILL; 5 s
	Ping       time.Duration // without a frame until a ping; 500 ms
	Watch      time.Duration // between two looks at memory and silence; 250 ms
	// Refill is how long after the idle worker was handed out the next one is started, so that the
	// start does not delay what was begun; 200 ms.
	Refill time.Duration

	launched chan<- *Worker // tests are told of each worker that was started
	ended    func(*Worker)  // called after the end of each; nil for nobody
}

func (c *Config) defaults() {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Grace, time.Second}, {&c.Silence, 5 * time.Second}, {&c.Ping, time.Second / 2}, {&c.Watch, time.Second / 4},
		{&c.Refill, time.Second / 5}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.Name == "" {
		c.Name = "ipfs-mpi-worker"
	}
}

func (c *Config) silentLooks() int { return max(2, int((c.Ping+c.Silence)/c.Watch)) }
func (c *Config) pingLooks() int   { return max(1, int(c.Ping/c.Watch)) }

// ErrClosed is the error of a [Set] that was closed, or not started.
var ErrClosed = errors.New("worker: closed")

// Set starts workers and keeps one idle.
type Set struct {
	config Config
	want   chan chan<- got
	quit   chan struct{} // closed by Close
	ended  chan struct{} // closed when run has ended
	once   sync.Once

	mu      sync.Mutex
	started bool
	closed  bool
	begun   uint64               // workers that were started
	crashed uint64               // of those that have ended
	all     map[*Worker]struct{} // those whose end was not seen
	wg      sync.WaitGroup       // one for each of them
}

type got struct {
	w   *Worker
	err error
}

// New makes a set that has started nothing.
func New(c Config) *Set {
	c.defaults()
	return &Set{config: c, want: make(chan chan<- got), quit: make(chan struct{}), ended: make(chan struct{}),
		all: map[*Worker]struct{}{}}
}

// Start starts the idle worker. That it cannot be started is the error of the first [Set.Get].
func (s *Set) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started && !s.closed {
		s.started = true
		go s.run()
	}
}

// Get returns a worker that is ready, whose frames go to h from now on, and has another one started
// to be idle. It waits for a worker to be ready, at most until ctx ends.
func (s *Set) Get(ctx context.Context, h Handler) (*Worker, error) {
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	if !started {
		return nil, ErrClosed
	}
	for try := 0; ; try++ {
		answer := make(chan got, 1)
		select {
		case s.want <- answer:
		case <-s.quit:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		g := <-answer
		if g.err != nil {
			return nil, g.err
		}
		select {
		case <-g.w.ready:
			// It may have ended while it was idle. Once the handler is there, its end is the
			// caller's.
			g.w.handler.Store(&h)
			select {
			case <-g.w.exited:
			default:
				return g.w, nil
			}
		case <-g.w.done:
		case <-ctx.Done():
			g.w.Dismiss("nobody waits for it any more")
			return nil, ctx.Err()
		}
		if <-g.w.done; try > 0 {
			return nil, &g.w.end
		}
	}
}

// Close kills every worker and returns when all have ended.
func (s *Set) Close() {
	s.once.Do(func() { close(s.quit) })
	s.mu.Lock()
	s.closed = true
	started := s.started
	for w := range s.all {
		w.Dismiss("the daemon is closing")
	}
	s.mu.Unlock()
	s.wg.Wait()
	if started {
		<-s.ended
	}
}

// run starts every worker on one thread, which lives until all have ended: a worker's death signal
// comes when the thread that started it ends.
func (s *Set) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.ended)
	defer s.wg.Wait()
	refill := time.NewTimer(0)
	defer refill.Stop()
	var idle *Worker
	for {
		select {
		case <-s.quit:
			return
		case <-refill.C:
			// One that cannot be started is tried again when the next one is wanted.
			if idle == nil {
				idle, _ = s.launch()
			}
		case answer := <-s.want:
			var g got
			if g.w = idle; g.w == nil || g.w.hasEnded() {
				g.w, g.err = s.launch()
			}
			answer <- g
			if idle = nil; g.err == nil {
				refill.Reset(s.config.Refill)
			}
		}
	}
}

func (s *Set) launch() (*Worker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	p, err := start(s.config.Executable, s.config.Name)
	if err != nil {
		return nil, err
	}
	w := newWorker(&s.config, p)
	s.begun++
	w.id = s.begun
	w.use.Store(&use{since: time.Now()})
	s.all[w] = struct{}{}
	if s.config.launched != nil {
		s.config.launched <- w
	}
	s.wg.Go(func() {
		<-w.done
		if s.config.ended != nil {
			s.config.ended(w)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, w)
		if w.end.Crashed {
			s.crashed++
		}
	})
	return w, nil
}

func (w *Worker) hasEnded() bool {
	select {
	case <-w.exited:
		return true
	default:
		return false
	}
}
