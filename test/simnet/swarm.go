package simnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	libswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	mstream "github.com/multiformats/go-multistream"
)

// swarm is a host as a [network.Network].
type swarm struct{ *Host }

var _ network.Network = swarm{}

// selectProtocol negotiates one.
func selectProtocol(s network.Stream, protos []protocol.ID) (protocol.ID, error) {
	return mstream.SelectOneOf(protos, s)
}

// synTries are the times at which TCP sends its SYN again, and dialTimeout is when libp2p gives up.
var (
	synTries    = []time.Duration{0, time.Second, 3 * time.Second}
	dialTimeout = 5 * time.Second
)

// DialPeer implements [network.Dialer]. As libp2p's, it returns a connection that there is.
func (s swarm) DialPeer(ctx context.Context, p peer.ID) (network.Conn, error) {
	if c := s.best(p); c != nil {
		return c, nil
	}
	return s.dial(ctx, p)
}

// dial makes a connection, also beside others.
func (s swarm) dial(ctx context.Context, p peer.ID) (network.Conn, error) {
	h, n := s.Host, s.net
	fail := func(cause error) error {
		return &libswarm.DialError{Peer: p, DialErrors: []libswarm.TransportError{{Address: n.addrOf(p), Cause: cause}}}
	}
	begun := time.Now()
	for _, at := range append(slices.Clone(synTries), dialTimeout) {
		if err := sleep(ctx, time.Until(begun.Add(at))); err != nil {
			return nil, fail(err)
		}
		if at == dialTimeout {
			break
		}
		n.mu.Lock()
		trip := n.delay() + n.delay()
		n.mu.Unlock()
		to := n.host(p)
		if to == nil {
			return nil, fail(errors.New("no addresses"))
		}
		if n.isCut(h, to) {
			continue
		}
		if err := sleep(ctx, trip); err != nil {
			return nil, fail(err)
		}
		if to = n.host(p); n.isCut(h, to) {
			continue
		}
		if to.isGone() {
			return nil, fail(fmt.Errorf("connect: %w", syscall.ECONNREFUSED))
		}
		n.mu.Lock()
		mine, theirs := n.join(h, to)
		n.mu.Unlock()
		if h.isGone() {
			return nil, fail(errors.New("the host is closed"))
		}
		to.connected(theirs)
		h.connected(mine)
		if to.isGone() { // meanwhile
			theirs.Close()
		}
		return mine, nil
	}
	return nil, fail(os.ErrDeadlineExceeded)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// host finds one by its peer ID.
func (n *Network) host(p peer.ID) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.hosts {
		if h.id == p {
			return h
		}
	}
	return nil
}

func (n *Network) addrOf(p peer.ID) ma.Multiaddr {
	if h := n.host(p); h != nil {
		return h.addr
	}
	return nil
}

func (h *Host) isGone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone
}

// best is the connection to a peer on which streams are opened: the newest.
func (h *Host) best(p peer.ID) *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range slices.Backward(h.conns) {
		if c.other.host.id == p {
			return c
		}
	}
	return nil
}

// NewStream implements [network.Network].
func (s swarm) NewStream(ctx context.Context, p peer.ID) (network.Stream, error) {
	c := s.best(p)
	if c == nil {
		if no, _ := network.GetNoDial(ctx); no {
			return nil, network.ErrNoConn
		}
		if _, err := s.dial(ctx, p); err != nil {
			return nil, err
		}
		if c = s.best(p); c == nil {
			return nil, network.ErrNoConn
		}
	}
	return c.NewStream(ctx)
}

func (s swarm) Peerstore() peerstore.Peerstore { return s.store }
func (s swarm) LocalPeer() peer.ID             { return s.id }

func (s swarm) ClosePeer(p peer.ID) error {
	for _, c := range s.ConnsToPeer(p) {
		c.Close()
	}
	return nil
}

func (s swarm) Connectedness(p peer.ID) network.Connectedness {
	if s.best(p) != nil {
		return network.Connected
	}
	return network.NotConnected
}

func (s swarm) Peers() (out []peer.ID) {
	for _, c := range s.Conns() {
		if !slices.Contains(out, c.RemotePeer()) {
			out = append(out, c.RemotePeer())
		}
	}
	return out
}

func (s swarm) Conns() (out []network.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		out = append(out, c)
	}
	return out
}

func (s swarm) ConnsToPeer(p peer.ID) (out []network.Conn) {
	for _, c := range s.Conns() {
		if c.RemotePeer() == p {
			out = append(out, c)
		}
	}
	return out
}

func (s swarm) Notify(x network.Notifiee) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notified = append(s.notified, x)
}

func (s swarm) StopNotify(x network.Notifiee) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.notified, x); i >= 0 {
		s.notified = slices.Delete(s.notified, i, i+1)
	}
}

func (s swarm) SetStreamHandler(f network.StreamHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = f
}

func (s swarm) CanDial(peer.ID, ma.Multiaddr) bool                { return true }
func (s swarm) Listen(...ma.Multiaddr) error                      { return nil }
func (s swarm) ListenAddresses() []ma.Multiaddr                   { return []ma.Multiaddr{s.addr} }
func (s swarm) InterfaceListenAddresses() ([]ma.Multiaddr, error) { return s.ListenAddresses(), nil }
func (s swarm) ResourceManager() network.ResourceManager          { return &network.NullResourceManager{} }
func (s swarm) Close() error                                      { return s.Host.Close() }
