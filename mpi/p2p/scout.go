package p2p

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
)

// The scout dials the addresses of a peer beside whatever connection there is, which libp2p's own
// dial does not, and says what it found: an address where the peer answers, or one that refuses.
// Its connections prove that the peer can be reached, and are closed again. Peers bound how many
// connections they take from one address in a time (libp2p: 16 at once, and one more each 5 s), so
// a scout dials few addresses, an address once at a time, and stops when it has reached the peer.
const (
	maxScouted  = 8                      // addresses of a peer
	maxScouts   = 64                     // dials of all scouts at once
	scoutDelay  = 300 * time.Millisecond // after libp2p's own dial was begun
	scoutPace   = 10 * time.Second       // between two moves of a session, unless
	scoutLate   = 3 * time.Second        // the silence is as long as this
	scoutDial   = 10 * time.Second       // for a handshake
	routingAt   = 3 * time.Second        // when the routing system is asked for addresses
	routingTime = 10 * time.Second
	// blindAfter is after how much silence a connection is given up untried, where the network of
	// the host cannot dial beside it.
	blindAfter = 2 * time.Second
)

// scouted are the pauses between dials of one address, connects how long TCP may take to connect
// before the next dial: its own next try is often later.
var (
	scouted  = backoff.Policy{First: 120 * time.Millisecond, Max: time.Second}
	connects = backoff.Policy{First: 500 * time.Millisecond, Max: 4 * time.Second}
)

// beside is what libp2p's swarm can do besides.
type beside interface {
	TransportForDialing(ma.Multiaddr) transport.Transport
	CanDial(peer.ID, ma.Multiaddr) bool
}

// blind reports whether the host's network can dial only where there is no connection.
func (t *Transport) blind() bool {
	_, ok := t.host.Network().(beside)
	return !ok
}

// scout runs until the search ends.
func (q *search) scout() {
	net, ok := q.o.t.host.Network().(beside)
	if !ok {
		return
	}
	delay := scoutDelay
	if q.beside {
		delay = q.o.pace()
	}
	asked := time.Now().Add(routingAt)
	for backoff.Sleep(q.ctx, delay) == nil {
		q.round(net, &asked)
		delay = scoutLate
	}
}

// round dials all addresses until one answers.
func (q *search) round(net beside, asked *time.Time) {
	ctx, cancel := context.WithCancel(q.ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	known := map[string]bool{}
	for ctx.Err() == nil {
		for _, addr := range q.o.addresses(net) {
			if key := string(addr.Bytes()); !known[key] && len(known) < 2*maxScouted {
				first := len(known) == 0
				known[key] = true
				wg.Go(func() {
					if q.visit(ctx, net, addr, first) {
						signal(q.reached)
						cancel()
					}
				})
			}
		}
		if r := q.o.t.cfg.Routing; r != nil && time.Now().After(*asked) {
			*asked = time.Now().Add(routingTime)
			wg.Go(func() { q.ask(ctx) })
		}
		backoff.Sleep(ctx, step)
	}
}

// ask looks for addresses of the peer that this node does not know yet.
func (q *search) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, routingTime)
	defer cancel()
	info, err := q.o.t.cfg.Routing.FindPeer(ctx, q.o.peer)
	if err == nil && info.ID == q.o.peer {
		q.o.t.host.Peerstore().AddAddrs(q.o.peer, info.Addrs, peerstore.TempAddrTTL)
	}
}

// addresses are where a scout looks for the peer, the ones that worked before first.
func (o *outbound) addresses(net beside) (addrs []ma.Multiaddr) {
	o.mu.Lock()
	for _, a := range slices.Backward(o.dialled) {
		addrs = append(addrs, a)
	}
	o.mu.Unlock()
	for _, a := range o.t.host.Peerstore().Addrs(o.peer) {
		if !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append(addrs, a)
		}
	}
	addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool {
		if t := net.TransportForDialing(a); t == nil || t.Proxy() {
			return true
		}
		return !net.CanDial(o.peer, a)
	})
	return addrs[:min(len(addrs), maxScouted)]
}

// visit dials one address again and again, until the peer answers there.
func (q *search) visit(ctx context.Context, net beside, addr ma.Multiaddr, first bool) bool {
	if !first {
		backoff.Sleep(ctx, scoutDelay) // the first address may do
	}
	for n := 1; ctx.Err() == nil; n++ {
		err := q.knock(ctx, net, addr, connects.After(n))
		pause := scouted.After(n)
		switch {
		case err == nil:
			return true
		case errors.Is(err, syscall.ECONNREFUSED):
			pause = scouted.First
			if n > goneTries*4 {
				pause = scouted.Max
			}
			select {
			case q.refused <- addr:
			case <-ctx.Done():
			}
		}
		backoff.Sleep(ctx, pause)
	}
	return false
}

// knock dials an address once. A dial that has not connected within a time is given up, if it can
// be seen whether it has.
func (q *search) knock(ctx context.Context, net beside, addr ma.Multiaddr, connect time.Duration) error {
	select {
	case q.o.t.scouts <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-q.o.t.scouts }()
	ctx, cancel := context.WithTimeout(ctx, scoutDial)
	defer cancel()
	tpt := net.TransportForDialing(addr)
	if tpt == nil {
		return errors.ErrUnsupported
	}
	var c transport.CapableConn
	var err error
	if seen, ok := tpt.(transport.DialUpdater); ok {
		impatient := time.AfterFunc(connect, cancel)
		defer impatient.Stop()
		progress := make(chan transport.DialUpdate, 1)
		watched := make(chan struct{})
		go func() { // ends when progress is closed
			defer close(watched)
			for range progress {
				impatient.Stop()
			}
		}()
		c, err = seen.DialWithUpdates(ctx, addr, q.o.peer, progress)
		close(progress)
		<-watched
	} else {
		c, err = tpt.Dial(ctx, addr, q.o.peer)
	}
	if err != nil {
		return err
	}
	c.Close()
	return nil
}

// pace is when a scout may begin for a session that is silent on a connection that is there.
func (o *outbound) pace() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.moved.IsZero() || time.Since(o.moved) > scoutPace {
		return 0
	}
	return scoutLate
}
