package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// patience is how long a test waits for what must come; it decides nothing but how long a
// failure takes.
const patience = 30 * time.Second

const program = mpi.CID("bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su")

func newKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newHost is a real libp2p host on loopback.
func newHost(t testing.TB, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// know tells a where b is.
func know(a, b host.Host) {
	a.Peerstore().AddAddrs(b.ID(), b.Addrs(), peerstore.PermanentAddrTTL)
}

// sink is a receiver that keeps what it is given.
type sink struct {
	frames   chan frame.Frame
	losses   chan loss
	unsent   chan []uint64
	silences chan hush
	hearings chan mpi.PeerID
	hook     func(from mpi.PeerID, f frame.Frame) // instead of frames, if set
}

type loss struct {
	peer    mpi.PeerID
	session uint64
	why     error
}

func newSink() *sink {
	return &sink{frames: make(chan frame.Frame, 1<<16), losses: make(chan loss, 64), unsent: make(chan []uint64, 64),
		silences: make(chan hush, 64), hearings: make(chan mpi.PeerID, 64)}
}

func (s *sink) Receive(from mpi.PeerID, f frame.Frame) {
	if s.hook != nil {
		s.hook(from, f)
		return
	}
	if k, ok := f.(frame.Packets); ok {
		k.Data = bytes.Clone(k.Data) // the transport's
		f = k
	}
	s.frames <- f
}

func (s *sink) Lost(p mpi.PeerID, n uint64, why error) { s.losses <- loss{p, n, why} }

func (s *sink) Unsent(_ mpi.PeerID, ids []uint64) { s.unsent <- ids }

type hush struct {
	peer  mpi.PeerID
	since time.Time
	why   string
}

func (s *sink) Silent(p mpi.PeerID, since time.Time, why string) {
	s.silences <- hush{p, since, why}
}

func (s *sink) Heard(p mpi.PeerID) { s.hearings <- p }

func (s *sink) silence(t testing.TB) hush {
	t.Helper()
	select {
	case x := <-s.silences:
		return x
	case <-time.After(patience):
		t.Fatal("no silence was reported")
		return hush{}
	}
}

func (s *sink) hearing(t testing.TB) {
	t.Helper()
	select {
	case <-s.hearings:
	case <-time.After(2 * patience):
		t.Fatal("no end of a silence was reported")
	}
}

func (s *sink) frame(t testing.TB) frame.Frame {
	t.Helper()
	select {
	case f := <-s.frames:
		return f
	case <-time.After(patience):
		t.Fatal("no frame has come")
		return nil
	}
}

func (s *sink) loss(t testing.TB) loss {
	t.Helper()
	select {
	case l := <-s.losses:
		return l
	case <-time.After(patience):
		t.Fatal("no loss was reported")
		return loss{}
	}
}

// node is a transport on its own host.
type node struct {
	*Transport
	*sink
	h host.Host
}

func newNode(t testing.TB, cfg Config, opts ...libp2p.Option) *node {
	t.Helper()
	return startNode(t, newHost(t, opts...), cfg, newSink())
}

func startNode(t testing.TB, h host.Host, cfg Config, s *sink) *node {
	t.Helper()
	n := &node{Transport: New(h, cfg), sink: s, h: h}
	if err := n.Start(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n *node) stop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Error(err)
	}
}

// pair is two nodes that know of each other.
func pair(t testing.TB, a, b Config) (*node, *node) {
	t.Helper()
	x, y := newNode(t, a), newNode(t, b)
	know(x.h, y.h)
	know(y.h, x.h)
	return x, y
}

func (n *node) mustSend(t testing.TB, to *node, f frame.Frame) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	session, err := n.Send(ctx, to.Self(), f)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func deliver(n *node, id uint64, size int) frame.Deliver {
	d := frame.Deliver{
		ID: id, Request: mpi.RequestID{Origin: n.Self()}, Program: program,
		Budget: time.Minute, Pid: 11,
	}
	if size > 0 {
		d.Data = make([]byte, size)
	}
	return d
}

// sever closes every connection between two hosts, as a network would.
func sever(a host.Host, b peer.ID) {
	for _, c := range a.Network().ConnsToPeer(b) {
		c.Close()
	}
}

// eventually waits for a condition that no channel tells of.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// ours are the stacks of goroutines that run code of this package.
func ours() []string {
	buf := make([]byte, 1<<22)
	var out []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "mpi/p2p.(*") {
			out = append(out, g)
		}
	}
	return out
}
