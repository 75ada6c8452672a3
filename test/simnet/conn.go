package simnet

import (
	"fmt"
	"sync"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// conn is one end of a connection.
type conn struct {
	host    *Host
	other   *conn
	in, out *lane
	dir     network.Direction
	opened  time.Time
	number  uint64

	mu      sync.Mutex // guards the fields below
	streams map[*stream]struct{}
	named   int
	closed  bool
}

var _ network.Conn = (*conn)(nil)

// join makes both ends of a connection that a dials. The network's mutex is held.
func (n *Network) join(a, b *Host) (mine, theirs *conn) {
	l := n.link(a.number, b.number)
	to, from := n.newLane(l), n.newLane(l)
	number := n.r.Uint64()
	mine = &conn{host: a, in: from, out: to, dir: network.DirOutbound, opened: time.Now(), number: number, streams: map[*stream]struct{}{}}
	theirs = &conn{host: b, in: to, out: from, dir: network.DirInbound, opened: time.Now(), number: number, streams: map[*stream]struct{}{}}
	mine.other, theirs.other = theirs, mine
	return mine, theirs
}

// add takes a stream, and names it if it was opened here. It is false once the end is closed.
func (c *conn) add(s *stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if s.dir == network.DirOutbound {
		c.named++
		s.name = fmt.Sprintf("%x-%d-%d", c.number, c.dir, c.named)
	}
	c.streams[s] = struct{}{}
	return true
}

func (c *conn) remove(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}

// Close implements [network.Conn]. The other end learns of it after all that was written.
func (c *conn) Close() error {
	if c.end(false) {
		c.out.put(func() {
			c.other.end(true)
			c.in.shut()
		})
	}
	return nil
}

// end closes this end. It is false if it was closed before.
func (c *conn) end(remote bool) bool {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	c.closed = true
	streams := c.streams
	c.streams = nil
	c.mu.Unlock()
	for s := range streams {
		s.broken(&network.ConnError{Remote: remote})
		s.free()
	}
	c.host.disconnected(c)
	return true
}

// CloseWithError implements [network.Conn].
func (c *conn) CloseWithError(network.ConnErrorCode) error { return c.Close() }

func (c *conn) IsClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conn) GetStreams() []network.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []network.Stream
	for s := range c.streams {
		out = append(out, s)
	}
	return out
}

func (c *conn) Stat() network.ConnStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return network.ConnStats{Stats: network.Stats{Direction: c.dir, Opened: c.opened}, NumStreams: len(c.streams)}
}

func (c *conn) ID() string                    { return fmt.Sprintf("%x", c.number) }
func (c *conn) LocalPeer() peer.ID            { return c.host.ID() }
func (c *conn) RemotePeer() peer.ID           { return c.other.host.ID() }
func (c *conn) RemotePublicKey() ic.PubKey    { return c.other.host.key.GetPublic() }
func (c *conn) LocalMultiaddr() ma.Multiaddr  { return c.host.addr }
func (c *conn) RemoteMultiaddr() ma.Multiaddr { return c.other.host.addr }
func (c *conn) Scope() network.ConnScope      { return &network.NullScope{} }
func (c *conn) As(any) bool                   { return false }
func (c *conn) ConnState() network.ConnectionState {
	return network.ConnectionState{Transport: "tcp"}
}
