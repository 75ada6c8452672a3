package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	iface "github.com/ipfs/kubo/core/coreiface"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

// Config configures a [Store]. Zero values mean the defaults named below.
type Config struct {
	// Path of the store: "/ipfs/CID", "/ipns/NAME" or a bare CID, each optionally with a path below
	// it and a final slash. Empty for a node without a store.
	Path string
	// Serve selects the interpreters to serve: those that match any of the selectors. None selects
	// all, pre-releases included.
	Serve []selector.Selector
	// MaxStore bounds the bytes that we keep pinned; 0 is no bound. It adds up the sizes of
	// interpreters: blocks that two of them share count twice.
	MaxStore int64
	// MaxProgram bounds the size of run.wasm and of init.wasm, each. The default is 64 MiB, the
	// limit of mpi/wasm.
	MaxProgram int64
	// KeepUnused is how long a pin is kept after its last use; 0 unpins at once. Programs that a
	// user added are kept for an hour at least, or the last 16 of them if MaxStore is exceeded.
	KeepUnused time.Duration
	// StateFile records which pins are ours. Its directory is created if necessary. If empty, they
	// are forgotten at Close: for tests and short-lived stores.
	StateFile string
	// Resolve is the interval at which an /ipns path is resolved again and pins are checked; 1 min.
	Resolve time.Duration
	// Timeout bounds one step: resolving a name, fetching one block, one read of a file; 1 min.
	Timeout time.Duration
	// RetryMin and RetryMax bound the wait before a retry, which doubles each time; 1 s and 1 min.
	RetryMin, RetryMax time.Duration
	// Log may be nil.
	Log *slog.Logger

	now func() time.Time // for tests
}

func (c Config) withDefaults() Config {
	c.MaxProgram = cmp.Or(c.MaxProgram, 64<<20)
	c.Resolve = cmp.Or(c.Resolve, time.Minute)
	c.Timeout = cmp.Or(c.Timeout, time.Minute)
	c.RetryMin = cmp.Or(c.RetryMin, time.Second)
	c.RetryMax = max(cmp.Or(c.RetryMax, time.Minute), c.RetryMin)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// Store implements [mpi.Store].
type Store struct {
	api iface.CoreAPI
	cfg Config

	life context.Context // ends with Close, and all work of the store with it
	end  context.CancelFunc

	mu         sync.Mutex // guards the fields below
	status     mpi.StoreStatus
	started    bool
	closed     bool
	reconciler *reconciler    // nil until Start
	changed    chan struct{}  // closed and replaced whenever status is set
	wg         sync.WaitGroup // all goroutines of the store; Add only in enter
}

var _ mpi.Store = (*Store)(nil)

// New returns a store over the CoreAPI. Nothing runs until Start, but Open works at once.
func New(api iface.CoreAPI, cfg Config) *Store {
	s := &Store{api: api, cfg: cfg.withDefaults(), changed: make(chan struct{})}
	s.life, s.end = context.WithCancel(context.Background())
	s.status = mpi.StoreStatus{Path: cfg.Path, Serves: []mpi.Interpreter{}}
	return s
}

// Start implements [mpi.Store]. It fails only on an invalid configuration, never because of the
// network. update must not call Close.
func (s *Store) Start(update func([]mpi.Interpreter)) error {
	path, err := parsePath(s.cfg.Path)
	if err != nil {
		return err
	}
	if s.cfg.MaxStore < 0 || s.cfg.KeepUnused < 0 {
		return fmt.Errorf("store: MaxStore is %d bytes and KeepUnused %s: neither can be negative", s.cfg.MaxStore, s.cfg.KeepUnused)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case s.started:
		return errors.New("store: started already")
	}
	state, err := loadState(s.cfg.StateFile)
	if err != nil {
		s.cfg.Log.Warn("store: the record of our pins is lost: pins named \"ipfs-mpi …\" that are no longer needed must be removed by hand (ipfs pin ls --names)",
			"err", err)
	}
	s.started = true
	k := newReconciler(s, path, state, update)
	s.reconciler = k
	s.wg.Go(k.run)
	return nil
}

// Close implements [mpi.Store]. Pins stay, for the next Start. It may be called more than once.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	done := make(chan struct{})
	go func() { // ends with the goroutines that it waits for
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("store: closing: %w", ctx.Err())
	}
}

var errClosed = errors.New("store: closed")

// enter runs f in a goroutine that Close waits for. It returns false if the store is closed.
func (s *Store) enter(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

// Status implements [mpi.Store].
func (s *Store) Status() mpi.StoreStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.Skipped = slices.Clone(st.Skipped)
	st.Serves = slices.Clone(st.Serves)
	return st
}

func (s *Store) setStatus(st mpi.StoreStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = st
	close(s.changed)
	s.changed = make(chan struct{})
}

// watch returns the status and a channel that is closed when the status changes.
func (s *Store) watch() (mpi.StoreStatus, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, s.changed
}
