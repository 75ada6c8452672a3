package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// The protocols, and the name that libp2p's resource manager knows us by.
const (
	SessionProtocol   protocol.ID = "/ipfs-mpi/session/1.1.0"
	SessionProtocol10 protocol.ID = "/ipfs-mpi/session/1.0.0" // without what came with 1.1.0
	JobProtocol       protocol.ID = "/ipfs-mpi/job/2.2.0"     // sessions with frames of jobs
	JobProtocol21     protocol.ID = "/ipfs-mpi/job/2.1.0"     // without what came with 2.2.0
	PoolProtocol      protocol.ID = "/ipfs-mpi/pool/1.0.0"
	ServiceName                   = "ipfs-mpi"
)

const jobFamily = "/ipfs-mpi/job/"

// linger bounds how long Close waits for peers to acknowledge what is under way, and a quarter of
// it how long it waits for them to hang up.
const linger = 2 * time.Second

var errStopping = fmt.Errorf("%w: this node is stopping", frame.ErrUnreachable)

// Transport is one node's end of all its sessions and hellos. Make it with [New].
type Transport struct {
	host        host.Host
	cfg         Config
	self        mpi.PeerID
	incarnation [16]byte // of this Transport
	canon       canon
	memory      memory

	ctx    context.Context // ends when everything has to
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of this package, libp2p's in our handlers included

	scouts chan struct{} // holds one for each dial of a scout

	queued atomic.Int64 // bytes in all outbounds, see Config.MaxQueued
	posted atomic.Int64 // what the Posts that wait in all outbounds cost, see maxAllPosted

	mu       sync.RWMutex   // guards the fields below; never held while calling out
	receiver frame.Receiver // set by Start
	greeter  frame.Greeter  // set by Greet, before Start
	closing  bool
	outs     map[mpi.PeerID]*outbound
	sessions uint64                             // the number last given
	watched  map[mpi.PeerID]map[*watch]struct{} // none is empty

	ins       inbounds
	greetings greetings

	close struct {
		once sync.Once
		done chan struct{}
	}
}

var (
	_ frame.JobTransport = (*Transport)(nil)
	_ frame.Exchanger    = (*Transport)(nil)
)

// New makes a transport over h, which stays the caller's. It does nothing before Start.
func New(h host.Host, cfg Config) *Transport {
	t := &Transport{
		host: h,
		cfg:  cfg.withDefaults(),
		self: mpi.PeerID(h.ID().String()),
		outs: make(map[mpi.PeerID]*outbound), watched: make(map[mpi.PeerID]map[*watch]struct{}),
	}
	t.ins.init(t.cfg.MaxSessions, t.grace)
	rand.Read(t.incarnation[:]) // never fails
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.close.done = make(chan struct{})
	t.scouts = make(chan struct{}, maxScouts)
	return t
}

// Self implements [frame.Transport].
func (t *Transport) Self() mpi.PeerID { return t.self }

// Greet says who answers peers' hellos. Call it before Start; without it the pool protocol is
// not offered.
func (t *Transport) Greet(g frame.Greeter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.greeter = g
}

// Start implements [frame.Transport].
func (t *Transport) Start(r frame.Receiver) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case r == nil:
		return errors.New("p2p: Start needs a receiver")
	case t.closing:
		return errors.New("p2p: Start after Close")
	case t.receiver != nil:
		return errors.New("p2p: Start called twice")
	}
	t.receiver = r
	for _, id := range t.minors() {
		t.host.SetStreamHandler(id, t.handleSession)
	}
	if t.greeter != nil {
		t.host.SetStreamHandler(PoolProtocol, t.handlePool)
	}
	return nil
}

// enter counts a goroutine that libp2p started in our handler. It is false when Close has begun.
func (t *Transport) enter() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closing {
		return false
	}
	t.wg.Add(1)
	return true
}

// outbound returns the session to a peer, beginning one if there is none.
func (t *Transport) outbound(to mpi.PeerID) (*outbound, error) {
	t.mu.RLock()
	o, closing := t.outs[to], t.closing
	t.mu.RUnlock()
	switch {
	case closing:
		return nil, errStopping
	case o != nil:
		return o, nil
	case to == t.self:
		return nil, fmt.Errorf("%w: it is this node itself", frame.ErrUnreachable)
	}
	id, err := peer.Decode(string(to))
	if err != nil || id.String() != string(to) {
		return nil, fmt.Errorf("%w: not a canonical peer ID", frame.ErrUnreachable)
	}
	if !t.cfg.Admit(to) {
		return nil, fmt.Errorf("%w: this node's own policy does not admit it", frame.ErrRefused)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch o = t.outs[to]; {
	case o != nil:
		return o, nil
	case t.closing:
		return nil, errStopping
	case t.receiver == nil:
		return nil, fmt.Errorf("%w: this node has not started", frame.ErrUnreachable)
	case len(t.outs) >= t.cfg.MaxSessions:
		return nil, fmt.Errorf("%w: this node has sessions to %d peers, its maximum", frame.ErrUnreachable, len(t.outs))
	}
	o = newOutbound(t, id, to)
	t.outs[to] = o
	t.wg.Go(o.run)
	return o, nil
}

// turn notes that frames of a peer have come, in the session to that peer if there is one.
func (t *Transport) turn(of mpi.PeerID) {
	t.mu.RLock()
	o := t.outs[of]
	t.mu.RUnlock()
	if o != nil && !o.turn.Load() {
		o.turn.Store(true)
	}
}

// opened gives a session its number.
func (t *Transport) opened() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions++
	return t.sessions
}

// succeed takes an ended session out, so that the next Send begins another. What was posted since
// its end begins one at once, and so comes before what is sent or posted from now on.
func (t *Transport) succeed(o *outbound) {
	o.mu.Lock()
	defer o.mu.Unlock()
	late, cost := o.late, o.posted
	o.late, o.passed = nil, true
	o.reserve(-cost)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.outs, o.name)
	if len(late) == 0 || t.closing {
		return
	}
	next := newOutbound(t, o.peer, o.name)
	next.waiters = late
	next.reserve(cost)
	t.outs[o.name] = next
	t.wg.Go(next.run)
}

// Close implements [frame.Transport]. Sessions that are up flush what they hold, for at most 2 s;
// then peers are told that their own sessions to this node are over. The receiver is told that
// every session of this node is lost. The host stays open.
func (t *Transport) Close(ctx context.Context) error {
	t.close.once.Do(func() {
		t.mu.Lock()
		t.closing = true
		started := t.receiver != nil
		outs := make([]*outbound, 0, len(t.outs))
		for _, o := range t.outs {
			outs = append(outs, o)
		}
		t.mu.Unlock()
		if started {
			for _, id := range t.minors() {
				t.host.RemoveStreamHandler(id)
			}
			if t.greeter != nil {
				t.host.RemoveStreamHandler(PoolProtocol)
			}
		}
		go func() { // ends with all others: that is what it waits for
			defer close(t.close.done)
			t.shut(ctx, outs)
		}()
	})
	select {
	case <-t.close.done:
		return nil
	case <-ctx.Done():
	}
	t.cancel()
	select {
	case <-t.close.done:
		return nil
	case <-time.After(time.Second):
		return fmt.Errorf("p2p: close: %w: something of this node or of libp2p does not come back", ctx.Err())
	}
}

// shut ends what Close has found. Outgoing sessions come first: once a peer hears that
// its own session is over, it counts as lost whatever it has no Done for.
func (t *Transport) shut(ctx context.Context, outs []*outbound) {
	flush, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	for _, o := range outs {
		o.shut()
	}
	for _, o := range outs {
		select {
		case <-o.gone:
		case <-flush.Done():
		}
	}
	bye, cancel := context.WithTimeout(ctx, linger/4)
	defer cancel()
	for _, done := range t.ins.goodbye(wire.CloseStopping) {
		select {
		case <-done:
		case <-bye.Done():
		}
	}
	t.cancel()
	t.wg.Wait()
}
