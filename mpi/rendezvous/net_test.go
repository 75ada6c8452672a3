package rendezvous

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

const testProtocol = "/ipfs-mpi/pool/1.0.0"

// greetings exchanges hellos as JSON over real streams.
type greetings struct {
	host host.Host

	mu      sync.Mutex
	greeter frame.Greeter
	asked   []mpi.PeerID // whom we said hello to
	refuse  bool
}

func (g *greetings) Exchange(ctx context.Context, to frame.PeerAddrs, mine frame.Hello) (theirs frame.Hello, err error) {
	g.mu.Lock()
	g.asked = append(g.asked, to.Peer)
	g.mu.Unlock()
	id, err := peer.Decode(string(to.Peer))
	if err != nil {
		return theirs, err
	}
	info := peer.AddrInfo{ID: id}
	for _, a := range to.Addrs {
		info.Addrs = append(info.Addrs, ma.StringCast(a))
	}
	g.host.Network().(*swarm.Swarm).Backoff().Clear(id)
	if err := g.host.Connect(ctx, info); err != nil {
		return theirs, fmt.Errorf("%w: %w", dialFailure(err), err)
	}
	st, err := g.host.NewStream(ctx, id, testProtocol)
	if err != nil {
		return theirs, fmt.Errorf("%w: %w", frame.ErrUnreachable, err)
	}
	defer st.Reset()
	stop := context.AfterFunc(ctx, func() { st.Reset() })
	defer stop()
	if err := json.NewEncoder(st).Encode(mine); err != nil {
		return theirs, err
	}
	st.CloseWrite()
	if mine.Leaving {
		io.Copy(io.Discard, st) // until the peer has read it
		return theirs, nil
	}
	return theirs, json.NewDecoder(io.LimitReader(st, frame.MaxHello)).Decode(&theirs)
}

// dialFailure tells a handshake that broke off from an address where nobody is, as mpi/p2p does.
func dialFailure(err error) error {
	var d *swarm.DialError
	if errors.As(err, &d) {
		for _, e := range d.DialErrors {
			if errors.Is(e.Cause, swarm.ErrDialBackoff) || strings.Contains(e.Cause.Error(), "failed to negotiate ") {
				return frame.ErrHandshake
			}
		}
	}
	return frame.ErrUnreachable
}

func (g *greetings) handle(st network.Stream) {
	defer st.Close()
	var theirs frame.Hello
	if json.NewDecoder(io.LimitReader(st, frame.MaxHello)).Decode(&theirs) != nil {
		st.Reset()
		return
	}
	g.mu.Lock()
	greeter, refuse := g.greeter, g.refuse
	g.mu.Unlock()
	if refuse {
		st.Reset()
		return
	}
	if mine, ok := greeter.Greet(mpi.PeerID(st.Conn().RemotePeer().String()), theirs); ok {
		json.NewEncoder(st).Encode(mine)
	}
}

func (g *greetings) whom() []mpi.PeerID {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

// node is a host with a service.
type node struct {
	*Service
	host host.Host
	ex   *greetings
	self mpi.PeerID
}

// newNode makes a node on loopback that is not started yet.
func newNode(t *testing.T, change ...func(*Config)) *node {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	ex := &greetings{host: h}
	cfg := Config{
		Host: h, Exchanger: ex, Protocol: testProtocol, Agent: "test/1", HandlerSlots: 2,
		Timing: Timing{BackoffMin: 50 * time.Millisecond, BackoffMax: time.Second},
	}
	if os.Getenv("VERBOSE") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", h.ID().String()[48:])
	}
	for _, c := range change {
		c(&cfg)
	}
	n := &node{Service: New(cfg), host: h, ex: ex, self: mpi.PeerID(h.ID().String())}
	ex.greeter = n
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		h.Close()
	})
	return n
}

func (n *node) start(t *testing.T) *node {
	t.Helper()
	n.host.SetStreamHandler(testProtocol, n.ex.handle)
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) connect(t *testing.T, to *node) {
	t.Helper()
	if err := n.host.Connect(t.Context(), peer.AddrInfo{ID: to.host.ID(), Addrs: to.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that events elsewhere bring about. Its limit ends a
// test that fails; it decides no other.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("never: %s", what)
		}
	}
}

// sees waits until n's pool is exactly the others.
func (n *node) sees(t *testing.T, program mpi.CID, others ...*node) {
	t.Helper()
	var want []mpi.PeerID
	for _, o := range others {
		if o != n {
			want = append(want, o.self)
		}
	}
	slices.Sort(want)
	var got []mpi.PeerID
	eventually(t, fmt.Sprintf("%s sees %v", n.self.Short(), want), func() bool {
		got, _ = n.Peers(program)
		return slices.Equal(got, want)
	})
}

func echo(cids ...mpi.CID) []mpi.Interpreter {
	var list []mpi.Interpreter
	for i, c := range cids {
		list = append(list, mpi.Interpreter{Name: "echo", Version: fmt.Sprintf("1.%d.0", i), CID: c})
	}
	return list
}

// Five nodes know one another through the first alone, which serves nothing, without a DHT.
func TestMembersAreExchanged(t *testing.T) {
	hub := newNode(t).start(t)
	var nodes []*node
	for range 4 {
		n := newNode(t).start(t)
		n.Serve(echo("bafyecho"))
		n.connect(t, hub)
		nodes = append(nodes, n)
	}
	for _, n := range append(nodes, hub) {
		n.sees(t, "bafyecho", nodes...)
	}
	if known := hub.Known(); len(known) != 4 || known[0].Agent != "test/1" || known[0].HandlerSlots != 2 || known[0].Serves[0].String() != "echo/1.0.0" {
		t.Errorf("the hub knows %+v", known)
	}
}
