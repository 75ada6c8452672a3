package p2p

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// link is a TCP relay: the only way to a host, and a network that fails.
type link struct {
	t    testing.TB
	addr ma.Multiaddr
	at   string // of addr
	to   string

	wg    sync.WaitGroup
	mu    sync.Mutex
	state sync.Cond // of mu: signalled when the fields below change
	l     net.Listener
	down  bool // nothing passes, and connections are taken but not carried on
	epoch int  // connections of an earlier one never carry anything again
	over  bool
	conns map[net.Conn]struct{}
}

func newLink(t testing.TB) *link {
	k := &link{t: t, conns: make(map[net.Conn]struct{})}
	k.state.L = &k.mu
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if k.addr, err = manet.FromNetAddr(l.Addr()); err != nil {
		t.Fatal(err)
	}
	k.at = l.Addr().String()
	k.listen(l)
	t.Cleanup(k.close)
	return k
}

func (k *link) listen(l net.Listener) {
	k.mu.Lock()
	k.l = l
	k.mu.Unlock()
	k.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			k.wg.Go(func() { k.carry(c) })
		}
	})
}

func (k *link) close() {
	k.reset()
	k.change(func() { k.over = true })
	k.wg.Wait()
}

func (k *link) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
	k.state.Broadcast()
}

// passes waits until the link carries what a connection of an epoch has. It is false if it never
// will.
func (k *link) passes(epoch int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !k.over && (k.down || epoch >= 0 && epoch != k.epoch) {
		k.state.Wait()
	}
	return !k.over
}

func (k *link) carry(c net.Conn) {
	k.keep(c)
	defer k.drop(c)
	if !k.passes(-1) {
		return
	}
	k.mu.Lock()
	epoch, target := k.epoch, k.to
	k.mu.Unlock()
	d, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	k.keep(d)
	defer k.drop(d)
	back := make(chan struct{})
	go func() { // ends with c or d
		defer close(back)
		k.copy(c, d, epoch)
	}()
	k.copy(d, c, epoch)
	<-back
}

func (k *link) copy(to, from net.Conn, epoch int) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if !k.passes(epoch) {
			return
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

func (k *link) keep(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns[c] = struct{}{}
}

func (k *link) drop(c net.Conn) {
	c.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
}

// stall lets nothing pass until heal.
func (k *link) stall() { k.change(func() { k.down = true }) }

// cut is stall for new connections; those that there are never carry anything again, and neither
// end learns of it.
func (k *link) cut() { k.change(func() { k.down = true; k.epoch++ }) }

// reset breaks all connections, and refuses others until heal.
func (k *link) reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.l.Close()
	for c := range k.conns {
		c.Close()
	}
}

// heal ends a stall, a cut or a reset.
func (k *link) heal() {
	k.change(func() { k.down = false })
	if l, err := net.Listen("tcp", k.at); err == nil { // else it still listens
		k.listen(l)
	}
}

// linkedHost is a host that is reached, and says it is reached, through a link only.
func linkedHost(t testing.TB, opts ...libp2p.Option) (host.Host, *link) {
	t.Helper()
	k := newLink(t)
	h := newHost(t, append(opts, libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr {
		return []ma.Multiaddr{k.addr}
	}))...)
	_, to, err := manet.DialArgs(h.Network().ListenAddresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	k.change(func() { k.to = to })
	return h, k
}

// linked is two nodes and the links to them.
func linked(t testing.TB, cfg Config) (x, y *node, toX, toY *link) {
	t.Helper()
	hx, toX := linkedHost(t)
	hy, toY := linkedHost(t)
	hx.Peerstore().AddAddr(hy.ID(), toY.addr, peerstore.PermanentAddrTTL)
	hy.Peerstore().AddAddr(hx.ID(), toX.addr, peerstore.PermanentAddrTTL)
	return startNode(t, hx, cfg, newSink()), startNode(t, hy, cfg, newSink()), toX, toY
}

// after waits for how long something in a network lasts.
func after(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
