package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/protocol"
	drouting "github.com/libp2p/go-libp2p/p2p/discovery/routing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Service implements [mpi.Pools] and [frame.Greeter].
type Service struct {
	cfg      Config
	protocol protocol.ID
	project  string // what the protocols of the project begin with
	log      *slog.Logger

	// ctx ends at Close; all that the service starts runs under it. owners counts loop and
	// follow, probes the exchanges under way, tasks the lookups and advertisements. Only
	// loop adds to the latter two, so they are waited for after it.
	ctx    context.Context
	cancel context.CancelFunc
	asking context.Context // of the hellos under way
	hush   context.CancelFunc
	owners sync.WaitGroup
	probes sync.WaitGroup
	tasks  sync.WaitGroup
	wake   chan struct{} // holds one when the view changed since the loop looked at it

	mu     sync.Mutex // guards what follows
	state  state
	view   *view
	sub    event.Subscription
	closed chan struct{} // made by the first Close, closed at its end
	// peers of other versions, with what is wrong
	others map[mpi.PeerID]string
}

type state int

const (
	idle state = iota
	running
	stopped
)

var (
	_ mpi.Pools     = (*Service)(nil)
	_ frame.Greeter = (*Service)(nil)
)

// New makes a service that does nothing before Start but to remember what it serves.
func New(cfg Config) *Service {
	cfg.Timing = cfg.Timing.withDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Admit == nil {
		cfg.Admit = func(mpi.PeerID) bool { return true }
	}
	if cfg.Discovery == nil && cfg.Routing != nil {
		cfg.Discovery = drouting.NewRoutingDiscovery(cfg.Routing)
	}
	s := &Service{
		cfg:      cfg,
		protocol: protocol.ID(cfg.Protocol),
		project:  project(cfg.Protocol),
		others:   map[mpi.PeerID]string{},
		log:      cfg.Log,
		wake:     make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.asking, s.hush = context.WithCancel(context.Background())
	self := mpi.PeerID(cfg.Host.ID().String())
	s.view = newView(self, cfg, defaultLimits(), rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	s.view.vet = vet
	return s
}

// Start asks the connected peers that speak the protocol, and takes part in the pools
// until Close.
func (s *Service) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != idle {
		return errors.New("rendezvous: start: it was started or closed before; make a new one")
	}
	sub, err := s.subscribe()
	if err != nil {
		return fmt.Errorf("rendezvous: subscribe to the host's events: %w", err)
	}
	s.state, s.sub = running, sub
	s.owners.Go(func() { s.follow(sub) })
	s.owners.Go(s.loop)
	return nil
}

// loop does what the view says is to be done. It is the only one that starts work.
func (s *Service) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.mu.Lock()
		now := time.Now()
		w := s.view.next(now)
		s.mu.Unlock()
		for _, p := range w.probes {
			s.probes.Go(func() { s.probe(p) })
		}
		for _, program := range w.lookups {
			s.tasks.Go(func() { s.lookup(program) })
		}
		for _, program := range w.adverts {
			s.tasks.Go(func() { s.advertise(program) })
		}
		var due <-chan time.Time
		if !w.at.IsZero() {
			timer.Reset(time.Until(w.at))
			due = timer.C
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-due:
		}
	}
}

// update changes the view, and has the loop look at it. It reports false, without a call
// of change, before Start and after Close.
func (s *Service) update(change func(v *view, now time.Time)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != running {
		return false
	}
	change(s.view, time.Now())
	s.poke()
	return true
}

func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Serve replaces what this node advertises and tells the peers in view. The list is cut
// to [mpi.MaxServes]. It may be called before Start.
func (s *Service) Serve(list []mpi.Interpreter) {
	list = slices.Clone(list[:min(len(list), mpi.MaxServes)])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stopped {
		s.view.serve(time.Now(), list)
		s.poke()
	}
}

// Greet takes a peer's hello and answers it; see [frame.Greeter].
func (s *Service) Greet(from mpi.PeerID, theirs frame.Hello) (mine frame.Hello, ok bool) {
	theirs = clean(theirs)
	var l link
	s.update(func(v *view, now time.Time) {
		l = s.link(from)
		mine, ok = v.greeted(now, from, theirs, l)
	})
	if !ok {
		return frame.Hello{}, false
	}
	return s.address(mine, l.local), true
}

// Peers are the members of a pool in view; see [mpi.Pools].
func (s *Service) Peers(program mpi.CID) ([]mpi.PeerID, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.list(program)
}

// Known are all peers in view, sorted by ID.
func (s *Service) Known() []mpi.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.known()
}

// Suspect has a peer in view asked now, and dropped if it does not answer.
func (s *Service) Suspect(id mpi.PeerID) {
	s.update(func(v *view, now time.Time) { v.suspect(now, id) })
}

// Refresh asks the connected peers and the network for the members of a pool and returns
// when everyone found has answered or failed, and in any case after [Timing.Refresh]; or
// with ctx's error. Calls for one pool at the same time share the work. The pool is
// followed for [Timing.Interest] from now on.
func (s *Service) Refresh(ctx context.Context, program mpi.CID) error {
	if program == general || !validCID(program) {
		return fmt.Errorf("rendezvous: refresh pool %q: it is no CID in canonical form", program)
	}
	return s.refresh(ctx, program)
}

// Discover asks the connected peers and the network for peers of any pool, like Refresh.
func (s *Service) Discover(ctx context.Context) error { return s.refresh(ctx, general) }

func (s *Service) refresh(ctx context.Context, program mpi.CID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var done <-chan struct{}
	if !s.update(func(v *view, now time.Time) { done = v.refresh(now, program) }) {
		return fmt.Errorf("rendezvous: refresh pool %q: not running", program)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return fmt.Errorf("rendezvous: refresh pool %q: stopping", program)
	}
}
