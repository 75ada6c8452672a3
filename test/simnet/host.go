package simnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	blankhost "github.com/libp2p/go-libp2p/p2p/host/blank"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	ma "github.com/multiformats/go-multiaddr"
)

// Host is a libp2p host. Each knows the address of every other from its start.
type Host struct {
	*blankhost.BlankHost
	net    *Network
	number int // of the place in the network; the host that starts again there has the same
	key    crypto.PrivKey
	id     peer.ID
	addr   ma.Multiaddr
	store  peerstore.Peerstore

	mu       sync.Mutex // guards the fields below
	conns    []*conn
	notified []network.Notifiee
	handler  network.StreamHandler
	gone     bool
}

// Host starts a host.
func (n *Network) Host() *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.newHost(len(n.hosts))
	n.hosts = append(n.hosts, h)
	for _, o := range n.hosts {
		o.store.AddAddr(h.id, h.addr, peerstore.PermanentAddrTTL)
		h.store.AddAddr(o.id, o.addr, peerstore.PermanentAddrTTL)
	}
	return h
}

// Restart starts a host in the place of one that is closed or killed: it has its peer ID and its
// address.
func (n *Network) Restart(old *Host) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.newHost(old.number)
	n.hosts[old.number] = h
	for _, o := range n.hosts {
		h.store.AddAddr(o.id, o.addr, peerstore.PermanentAddrTTL)
	}
	return h
}

func (n *Network) newHost(number int) *Host {
	key, _, err := crypto.GenerateEd25519Key(seeded(number))
	if err != nil {
		panic(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		panic(err)
	}
	store, err := pstoremem.NewPeerstore()
	if err != nil {
		panic(err)
	}
	h := &Host{net: n, number: number, key: key, id: id, store: store,
		addr: ma.StringCast(fmt.Sprintf("/ip4/10.0.%d.%d/tcp/4001", number/250, number%250+1))}
	if err := store.AddPrivKey(id, key); err != nil {
		panic(err)
	}
	h.BlankHost = blankhost.NewBlankHost(swarm{h})
	return h
}

// seeded is an endless stream of bytes that a number begins.
type seeded uint64

func (s seeded) Read(b []byte) (int, error) {
	clear(b)
	binary.BigEndian.PutUint64(b[max(0, len(b)-8):], uint64(s)+1)
	return len(b), nil
}

// Close closes all connections and waits until their handlers have ended.
func (h *Host) Close() error {
	h.mu.Lock()
	h.gone = true
	conns := slices.Clone(h.conns)
	h.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	return h.store.Close()
}

// Wait returns once no handler of a stream runs and all is told, after the last host is closed.
func (n *Network) Wait() { n.wg.Wait() }

// handle runs the handler of a stream.
func (h *Host) handle(s *stream) {
	h.mu.Lock()
	f := h.handler
	h.mu.Unlock()
	if f == nil {
		s.Reset()
		return
	}
	f(s)
}

// NewStream implements [host.Host]. Unlike BlankHost's, the negotiation ends with ctx.
func (h *Host) NewStream(ctx context.Context, p peer.ID, protos ...protocol.ID) (network.Stream, error) {
	s, err := h.Network().NewStream(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("failed to open stream: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	chosen, err := selectProtocol(s, protos)
	if err != nil {
		s.Reset()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("failed to negotiate protocol: %w", err)
	}
	s.SetProtocol(chosen)
	h.store.AddProtocols(p, chosen)
	return s, nil
}

func (h *Host) connected(c *conn) {
	h.mu.Lock()
	h.conns = append(h.conns, c)
	list := slices.Clone(h.notified)
	h.mu.Unlock()
	for _, x := range list {
		x.Connected(swarm{h}, c)
	}
}

func (h *Host) disconnected(c *conn) {
	h.mu.Lock()
	i := slices.Index(h.conns, c)
	if i >= 0 {
		h.conns = slices.Delete(h.conns, i, i+1)
	}
	list := slices.Clone(h.notified)
	h.mu.Unlock()
	if i < 0 {
		return
	}
	h.net.wg.Go(func() {
		for _, x := range list {
			x.Disconnected(swarm{h}, c)
		}
	})
}
