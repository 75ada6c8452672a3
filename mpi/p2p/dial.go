package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	msmux "github.com/multiformats/go-multistream"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// errRelayed means that there is no connection that carries data.
var errRelayed = fmt.Errorf("%w: there is only a relayed connection, which carries no data: a direct one was asked for",
	frame.ErrUnreachable)

// dial connects the session to its peer, once the connections that stand in the way are closed. It
// returns a connection that is direct.
func (q *search) dial(ctx context.Context, close []network.Conn) (network.Conn, error) {
	t, p := q.o.t, q.o.peer
	var wg sync.WaitGroup
	for _, c := range close {
		wg.Go(func() { c.Close() })
	}
	wg.Wait()
	t.clearBackoff(p)
	ctx = network.WithForceDirectDial(ctx, "sessions need a direct connection")
	var err error
	if q.fresh { // its addresses may have to be found
		err = t.host.Connect(ctx, peer.AddrInfo{ID: p})
	} else {
		_, err = t.host.Network().DialPeer(ctx, p)
	}
	for _, c := range slices.Backward(t.host.Network().ConnsToPeer(p)) {
		if !c.IsClosed() && !c.Stat().Limited && !slices.Contains(close, c) {
			return c, nil
		}
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil:
		err = network.ErrNoConn
	}
	if t.host.Network().Connectedness(p) == network.Limited {
		return nil, fmt.Errorf("%w: %w", errRelayed, err)
	}
	return nil, unreached(err)
}

// streamOn opens a stream on a connection, in the first of the protocols that the peer speaks.
func (t *Transport) streamOn(ctx context.Context, c network.Conn, protos []protocol.ID, memory int) (*stream, error) {
	p := c.RemotePeer()
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", frame.ErrUnreachable, err)
	}
	stop := context.AfterFunc(ctx, func() { s.ResetWithError(network.StreamProtocolNegotiationFailed) })
	defer stop()
	proto, _ := t.host.Peerstore().FirstSupportedProtocol(p, protos...)
	var lazy io.ReadWriteCloser
	if proto != "" { // then it is negotiated with the first write and read
		lazy = msmux.NewMSSelect(s, proto)
	} else if proto, err = msmux.SelectOneOf(protos, s); err == nil {
		t.host.Peerstore().AddProtocols(p, proto)
	}
	if err == nil {
		err = s.SetProtocol(proto)
	}
	if err != nil {
		s.ResetWithError(network.StreamProtocolNegotiationFailed)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, t.openFailed(p, protos[0], err)
	}
	if lazy != nil {
		return adoptOwn(&lazyStream{s, lazy}, memory)
	}
	return adoptOwn(s, memory)
}

func adoptOwn(s network.Stream, memory int) (*stream, error) {
	st, err := adopt(s, memory)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", frame.ErrUnreachable, err)
	}
	return st, nil
}

// lazyStream is a stream whose protocol is negotiated with the first write and read.
type lazyStream struct {
	network.Stream
	rw io.ReadWriteCloser
}

func (s *lazyStream) Read(b []byte) (int, error)  { return s.rw.Read(b) }
func (s *lazyStream) Write(b []byte) (int, error) { return s.rw.Write(b) }

// newStream opens a stream to p on a connection that is not relayed.
func (t *Transport) newStream(ctx context.Context, p peer.ID, proto protocol.ID, memory int) (*stream, error) {
	t.clearBackoff(p)
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
		return fmt.Errorf("%w: %w", errRelayed, err)
	}
	return unreached(err)
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
