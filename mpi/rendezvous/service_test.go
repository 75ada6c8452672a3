package rendezvous

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// withDHT gives a node a DHT of a network of its own on loopback.
func withDHT(t *testing.T) func(*Config) {
	return func(c *Config) {
		d, err := dht.New(c.Host, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/rendezvous-test"), dht.AddressFilter(nil))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		c.Routing = d
	}
}

// Two members of a pool find each other through a DHT whose other nodes do not speak our protocol.
func TestMembersMeetThroughTheDHT(t *testing.T) {
	var others []*node
	for range 4 { // never started: they only carry records
		n := newNode(t, withDHT(t))
		for _, o := range others {
			n.connect(t, o)
		}
		others = append(others, n)
	}
	a, b := newNode(t, withDHT(t)).start(t), newNode(t, withDHT(t)).start(t)
	for _, n := range []*node{a, b} {
		n.Serve(echo("bafyecho"))
	}
	a.connect(t, others[0])
	b.connect(t, others[3])
	a.sees(t, "bafyecho", b)
	b.sees(t, "bafyecho", a)
	eventually(t, "a lookup ends", func() bool {
		_, at := a.Peers("bafyecho")
		return !at.IsZero()
	})
}

// market is a discovery in memory, slow or failing when told so.
type market struct {
	mu    sync.Mutex
	where map[string]map[peer.ID]peer.AddrInfo
	fail  bool
}

type stall struct {
	*market
	self func() peer.AddrInfo
}

func (s stall) Advertise(ctx context.Context, ns string, _ ...discovery.Option) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return 0, errors.New("no network")
	}
	if s.where == nil {
		s.where = map[string]map[peer.ID]peer.AddrInfo{}
	}
	if s.where[ns] == nil {
		s.where[ns] = map[peer.ID]peer.AddrInfo{}
	}
	info := s.self()
	s.where[ns][info.ID] = info
	return time.Hour, nil
}

func (s stall) FindPeers(ctx context.Context, ns string, _ ...discovery.Option) (<-chan peer.AddrInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return nil, errors.New("no network")
	}
	ch := make(chan peer.AddrInfo, len(s.where[ns]))
	for _, info := range s.where[ns] {
		ch <- info
	}
	close(ch)
	return ch, nil
}

func (s *market) at(ns string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.where[ns])
}

func (s *market) set(fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func on(m *market) func(*Config) {
	return func(c *Config) {
		h := c.Host
		c.Discovery = stall{m, func() peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }}
	}
}

// A node that serves nothing and is connected to nobody finds who is there, and a pool.
func TestDiscoverAndRefresh(t *testing.T) {
	m := &market{fail: true}
	serves := newNode(t, on(m)).start(t)
	serves.Serve(echo("bafyecho"))
	m.set(false) // the network is there later
	eventually(t, "it is advertised", func() bool { return m.at(General) == 1 && m.at(Namespace("bafyecho")) == 1 })

	for _, find := range []struct {
		how  string
		what func(n *node) error
	}{
		{"discover", func(n *node) error { return n.Discover(t.Context()) }},
		{"refresh", func(n *node) error { return n.Refresh(t.Context(), "bafyecho") }},
	} {
		t.Run(find.how, func(t *testing.T) {
			n := newNode(t, on(m), func(c *Config) { c.Timing.Refresh = 20 * time.Second }).start(t)
			if len(n.Known()) != 0 {
				t.Fatal("knows somebody already")
			}
			if err := find.what(n); err != nil {
				t.Fatal(err)
			}
			// Now, not eventually: it returns when what it found was heard.
			known := n.Known()
			if !slices.ContainsFunc(known, func(m mpi.Member) bool { return m.Peer == serves.self }) {
				t.Errorf("known: %+v", known)
			}
			if got, _ := n.Peers("bafyecho"); !slices.Equal(got, []mpi.PeerID{serves.self}) {
				t.Errorf("pool: %v", got)
			}
		})
	}
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	n := newNode(t).start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Refresh(ctx, "bafyecho"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, program := range []mpi.CID{"", "/ipfs/x"} {
		if err := n.Refresh(t.Context(), program); err == nil {
			t.Errorf("refresh of %q succeeds", program)
		}
	}
}

func pair(t *testing.T, change ...func(*Config)) (a, b *node) {
	a, b = newNode(t, change...).start(t), newNode(t, change...).start(t)
	a.Serve(echo("bafyecho"))
	b.Serve(echo("bafyecho"))
	a.connect(t, b)
	a.sees(t, "bafyecho", b)
	b.sees(t, "bafyecho", a)
	return a, b
}

func TestChangedServeReachesTheOthers(t *testing.T) {
	a, b := pair(t)
	a.Serve(echo("bafyother"))
	b.sees(t, "bafyecho")
	b.sees(t, "bafyother", a)
	a.Serve(echo("bafyecho", "bafyother"))
	b.sees(t, "bafyecho", a)
	b.sees(t, "bafyother", a)
}

func TestGoodbyeRemovesAtOnce(t *testing.T) {
	a, b := pair(t)
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Now, not eventually: the goodbye was read before Close returned.
	if got, _ := b.Peers("bafyecho"); len(got) != 0 {
		t.Errorf("b sees %v", got)
	}
	if _, ok := a.Greet(b.self, serving("bafyecho")); ok {
		t.Error("a node that left answers")
	}
	if err := a.Refresh(t.Context(), "bafyecho"); err == nil {
		t.Error("a node that left refreshes")
	}
	a.Serve(nil)
	a.Suspect(b.self)
	if err := a.Close(t.Context()); err != nil {
		t.Errorf("the second close: %v", err)
	}
	if err := a.Start(); err == nil {
		t.Error("a node that left starts")
	}
}

func TestProtocolDroppedIsAGoodbye(t *testing.T) {
	a, b := pair(t)
	a.host.RemoveStreamHandler(testProtocol)
	b.sees(t, "bafyecho")
}

func TestKilledHostIsDropped(t *testing.T) {
	a, b := pair(t)
	a.host.Close() // no goodbye
	b.sees(t, "bafyecho")
}

func TestLostConnectionIsMended(t *testing.T) {
	a, b := pair(t)
	before := len(b.ex.whom()) + len(a.ex.whom())
	b.host.Network().ClosePeer(a.host.ID())
	eventually(t, "they ask again", func() bool { return len(b.ex.whom())+len(a.ex.whom()) > before })
	a.sees(t, "bafyecho", b)
	b.sees(t, "bafyecho", a)
}

func TestSuspectIsDropped(t *testing.T) {
	a, b := pair(t)
	a.ex.mu.Lock()
	a.ex.refuse = true
	a.ex.mu.Unlock()
	eventually(t, "b drops a", func() bool {
		b.Suspect(a.self) // each time that a hello of a's own arrives, which it sent before
		got, _ := b.Peers("bafyecho")
		return len(got) == 0
	})
	a.ex.mu.Lock()
	a.ex.refuse = false
	a.ex.mu.Unlock()
	b.sees(t, "bafyecho", a) // it is tried again by itself
}

func TestDeniedPeersAreLeftAlone(t *testing.T) {
	bad := newNode(t).start(t)
	bad.Serve(echo("bafyecho"))
	hub := newNode(t).start(t)
	hub.Serve(echo("bafyecho"))
	bad.connect(t, hub)
	hub.sees(t, "bafyecho", bad)

	n := newNode(t, func(c *Config) { c.Admit = func(id mpi.PeerID) bool { return id != bad.self } }).start(t)
	n.Serve(echo("bafyecho"))
	bad.connect(t, n)
	n.connect(t, hub) // which names the bad one
	n.sees(t, "bafyecho", hub)
	if err := n.Refresh(t.Context(), "bafyecho"); err != nil {
		t.Fatal(err)
	}
	n.sees(t, "bafyecho", hub)
	if slices.Contains(n.ex.whom(), bad.self) {
		t.Error("the denied peer is asked")
	}
	if _, ok := n.Greet(bad.self, serving("bafyecho")); ok {
		t.Error("the denied peer is answered")
	}
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	m := &market{}
	a, b := pair(t, on(m))
	waiting := make(chan error, 1)
	go func() { waiting <- a.Refresh(context.Background(), "bafyelse") }()
	for _, n := range []*node{a, b} {
		if err := n.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	<-waiting
	eventually(t, "all goroutines end", func() bool { return len(goroutines()) == 0 })
}

// goroutines are those that run code of a Service.
func goroutines() (list []string) {
	buf := make([]byte, 1<<20)
	for _, g := range bytes.Split(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if strings.Contains(string(g), "rendezvous.(*Service)") {
			list = append(list, string(g))
		}
	}
	return list
}

// deaf is an exchanger and a discovery that answer only when their context ends.
type deaf struct{ started chan struct{} }

func (d deaf) wait(ctx context.Context) error {
	select {
	case d.started <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d deaf) Exchange(ctx context.Context, _ frame.PeerAddrs, _ frame.Hello) (frame.Hello, error) {
	return frame.Hello{}, d.wait(ctx)
}

func (d deaf) Advertise(ctx context.Context, _ string, _ ...discovery.Option) (time.Duration, error) {
	return 0, d.wait(ctx)
}

func (d deaf) FindPeers(ctx context.Context, _ string, _ ...discovery.Option) (<-chan peer.AddrInfo, error) {
	return make(chan peer.AddrInfo), nil // never closed
}

func TestCloseInterruptsWhatHangs(t *testing.T) {
	d := deaf{started: make(chan struct{}, 1)}
	n := newNode(t, func(c *Config) { c.Exchanger, c.Discovery = d, d }).start(t)
	n.Serve(echo("bafyecho"))
	o := newNode(t).start(t)
	o.connect(t, n)
	o.sees(t, "")
	<-d.started
	refreshed := make(chan error, 1)
	go func() { refreshed <- n.Refresh(context.Background(), "bafyecho") }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // bounds the goodbyes
	defer cancel()
	if err := n.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-refreshed
	if err := n.Close(t.Context()); err != nil {
		t.Errorf("the second close, without bounds: %v", err)
	}
}

func TestCloseBeforeStart(t *testing.T) {
	n := newNode(t)
	n.Serve(echo("bafyecho"))
	if _, ok := n.Greet("x", frame.Hello{}); ok {
		t.Error("answers before it starts")
	}
	if err := n.Discover(t.Context()); err == nil {
		t.Error("discovers before it starts")
	}
	if err := errors.Join(n.Close(t.Context()), n.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if err := n.Start(); err == nil {
		t.Error("starts after close")
	}
}

func TestNamespace(t *testing.T) {
	if got := fmt.Sprint(Namespace("bafyecho"), " ", Namespace("")); got != "/ipfs-mpi/1.0.0/bafyecho /ipfs-mpi/1.0.0" {
		t.Error(got)
	}
}
