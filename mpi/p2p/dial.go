package p2p

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	msmux "github.com/multiformats/go-multistream"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// dialYield is how much later than the lower peer ID the higher one dials, where both have lost
// the connection between them. Where both dial at once over TCP with port reuse, the kernel may
// join the two into one connection with two TLS clients, which fails.
const dialYield = 100 * time.Millisecond

// newStream opens a stream to p on a connection that is not relayed. again means that there was one
// a moment ago: then only known addresses are dialled, without asking the routing system.
func (t *Transport) newStream(ctx context.Context, p peer.ID, proto protocol.ID, again bool, memory int) (*stream, error) {
	t.clearBackoff(p)
	if again {
		t.yield(ctx, p)
		if _, err := t.host.Network().DialPeer(ctx, p); err != nil {
			return nil, unreached(err)
		}
		ctx = network.WithNoDial(ctx, "dialled already")
	}
	s, err := t.host.NewStream(ctx, p, proto)
	if err != nil {
		return nil, t.openFailed(p, proto, err)
	}
	st, err := adopt(s, memory)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", frame.ErrUnreachable, err)
	}
	return st, nil
}

// clearBackoff lets libp2p dial a peer again that it could not reach a moment ago. A session dials
// seldom, and one dial at a time, so libp2p's backoff is not needed.
func (t *Transport) clearBackoff(p peer.ID) {
	if n, ok := t.host.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		n.Backoff().Clear(p)
	}
}

// openFailed is the error of a stream that could not be opened.
func (t *Transport) openFailed(p peer.ID, proto protocol.ID, err error) error {
	if errors.Is(err, msmux.ErrNotSupported[protocol.ID]{}) {
		return t.notSpoken(p, proto)
	}
	if t.host.Network().Connectedness(p) == network.Limited {
		return fmt.Errorf("%w: there is only a relayed connection, which carries no data: %w", frame.ErrUnreachable, err)
	}
	return unreached(err)
}

// yield lets a peer with a lower ID dial first: it waits for a connection, for at most dialYield.
func (t *Transport) yield(ctx context.Context, p peer.ID) {
	if t.self < mpi.PeerID(p.String()) {
		return
	}
	connected := make(chan struct{}, 1)
	net := t.host.Network()
	n := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() == p {
			signal(connected)
		}
	}}
	net.Notify(n)
	defer net.StopNotify(n)
	if net.Connectedness(p) == network.Connected {
		return
	}
	late := time.NewTimer(dialYield)
	defer late.Stop()
	select {
	case <-connected:
	case <-late.C:
	case <-ctx.Done():
	}
}

// unreached is the error of a dial that failed. It wraps [frame.ErrHandshake] too where somebody
// took the connection and the handshake broke off, or libp2p refuses to dial because of that.
func unreached(err error) error {
	var dial *swarm.DialError
	if errors.As(err, &dial) {
		for _, e := range dial.DialErrors {
			if brokeOff(e.Cause) {
				return fmt.Errorf("%w: %w: %w", frame.ErrUnreachable, frame.ErrHandshake, err)
			}
		}
	}
	return fmt.Errorf("%w: %w", frame.ErrUnreachable, err)
}

// brokeOff reports whether a dial failed in its handshake. libp2p's upgrader has no type for that.
func brokeOff(cause error) bool {
	var other sec.ErrPeerIDMismatch
	switch {
	case errors.As(cause, &other): // the address is another peer's
		return false
	case errors.Is(cause, swarm.ErrDialBackoff):
		return true
	}
	return strings.Contains(cause.Error(), "failed to negotiate ")
}
