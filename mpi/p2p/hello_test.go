package p2p

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// host is a greeter that answers with a fixed hello and keeps those it gets.
type porter struct {
	says   frame.Hello
	silent bool
	heard  chan frame.Hello
}

func (p *porter) Greet(from mpi.PeerID, theirs frame.Hello) (frame.Hello, bool) {
	p.heard <- theirs
	return p.says, !p.silent
}

func newPorter() *porter {
	return &porter{says: frame.Hello{Agent: "porter/1", HandlerSlots: 3}, heard: make(chan frame.Hello, 16)}
}

func newGreeting(t *testing.T, cfg Config, p *porter) *node {
	n := &node{Transport: New(newHost(t), cfg), sink: newSink()}
	n.h = n.Transport.host
	n.Greet(p)
	if err := n.Start(n.sink); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n *node) where() frame.PeerAddrs {
	pa := frame.PeerAddrs{Peer: n.Self(), Addrs: []string{"nonsense", "/ip4/1.2.3.4/tcp/1/p2p/" + "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"}}
	for _, a := range n.h.Addrs() {
		pa.Addrs = append(pa.Addrs, a.String())
	}
	return pa
}

func TestExchange(t *testing.T) {
	a, p := newNode(t, Config{}), newPorter()
	b := newGreeting(t, Config{}, p)
	mine := frame.Hello{
		Agent: "test/1", HandlerSlots: 8,
		Serves:  []mpi.Interpreter{{Name: "echo", Version: "1.0.0", CID: program}},
		Members: []frame.Members{{Program: program, Peers: []frame.PeerAddrs{{Peer: a.Self(), Addrs: []string{"/ip4/127.0.0.1/tcp/1"}}}}},
		Wants:   []mpi.CID{program},
	}
	theirs, err := a.Exchange(t.Context(), b.where(), mine)
	if err != nil || !reflect.DeepEqual(theirs, p.says) {
		t.Errorf("got %+v, %v", theirs, err)
	}
	if got := <-p.heard; !reflect.DeepEqual(got, mine) {
		t.Errorf("b heard %+v", got)
	}
	if theirs, err = a.Exchange(t.Context(), frame.PeerAddrs{Peer: b.Self()}, frame.Hello{Leaving: true}); err != nil || !reflect.DeepEqual(theirs, frame.Hello{}) {
		t.Errorf("goodbye: %+v, %v", theirs, err)
	}
	if got := <-p.heard; !got.Leaving {
		t.Errorf("b heard %+v", got)
	}
	eventually(t, "the streams are gone", func() bool { return streams(a.h, PoolProtocol)+streams(b.h, PoolProtocol) == 0 })
}

func TestExchangeErrors(t *testing.T) {
	nobody := func(mpi.PeerID) bool { return false }
	a := newNode(t, Config{})
	refusing := newGreeting(t, Config{Admit: nobody}, newPorter())
	mum := newPorter()
	mum.silent = true
	silent := newGreeting(t, Config{}, mum)
	bare := &node{Transport: New(newHost(t), Config{})}
	bare.h = bare.Transport.host
	newer := &node{Transport: New(newHost(t), Config{})}
	newer.h = newer.Transport.host
	newer.h.SetStreamHandler("/ipfs-mpi/pool/2.0.0", func(s network.Stream) { s.Reset() })
	dead := newGreeting(t, Config{}, newPorter())
	deadAt := dead.where()
	dead.h.Close()

	var full frame.Hello // large enough that a refusing peer's Reject meets an unfinished write
	for range 255 {
		m := frame.Members{Program: program}
		for range 16 {
			m.Peers = append(m.Peers, frame.PeerAddrs{Peer: a.Self(), Addrs: []string{strings.Repeat("/", 150)}})
		}
		full.Members = append(full.Members, m)
	}
	for _, x := range []struct {
		name string
		to   frame.PeerAddrs
		mine frame.Hello
		want error
	}{
		{"refused", refusing.where(), frame.Hello{}, frame.ErrRefused},
		{"refused in the middle", refusing.where(), full, frame.ErrRefused},
		{"another version", newer.where(), frame.Hello{}, frame.ErrVersion},
		{"does not speak it", bare.where(), frame.Hello{}, ErrNoProtocol},
		{"dead", deadAt, frame.Hello{}, frame.ErrUnreachable},
		{"no peer ID", frame.PeerAddrs{Peer: "x"}, frame.Hello{}, frame.ErrUnreachable},
		{"itself", frame.PeerAddrs{Peer: a.Self()}, frame.Hello{}, frame.ErrUnreachable},
		{"no answer", silent.where(), frame.Hello{}, nil},
		{"hello of ours over a limit", bare.where(), frame.Hello{Wants: make([]mpi.CID, frame.MaxWants+1)}, nil},
	} {
		theirs, err := a.Exchange(t.Context(), x.to, x.mine)
		if err == nil || x.want != nil && !errors.Is(err, x.want) {
			t.Errorf("%s: %+v, %v", x.name, theirs, err)
		}
		for _, other := range []error{frame.ErrRefused, frame.ErrVersion, frame.ErrUnreachable} {
			if x.want != nil && x.want != other && errors.Is(err, other) {
				t.Errorf("%s: %v is %q too", x.name, err, other)
			}
		}
	}
	if _, err := refusing.Exchange(t.Context(), a.where(), frame.Hello{}); !errors.Is(err, frame.ErrRefused) {
		t.Errorf("a peer that we do not admit: %v", err)
	}
}

// Hostile hellos are not answered and reach no greeter.
func TestHostileHellos(t *testing.T) {
	p := newPorter()
	b := newGreeting(t, Config{HelloTimeout: patience}, p)
	h := newHost(t)
	know(h, b.h)
	good, err := wire.AppendHello(nil, frame.Hello{})
	if err != nil {
		t.Fatal(err)
	}
	badCID, err := wire.AppendHello(nil, frame.Hello{Wants: []mpi.CID{"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, bytes := range map[string][]byte{
		"garbage":           []byte("GET / HTTP/1.1\r\n\r\n"),
		"a giant length":    {0xff, 0xff, 0xff, 0xff, 0x07, byte(wire.TypeHello)},
		"over MaxHello":     {0x81, 0x80, 0x40, byte(wire.TypeHello)},
		"cut short":         good[:len(good)-1],
		"another frame":     wire.AppendPing(nil),
		"an ID not a CIDv1": badCID,
		"nothing":           nil,
	} {
		s, err := h.NewStream(t.Context(), b.h.ID(), PoolProtocol)
		if err != nil {
			t.Fatal(err)
		}
		s.Write(bytes)
		s.CloseWrite()
		if n, err := s.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("%s: answered", name)
		}
		s.Reset()
	}
	if len(p.heard) > 0 {
		t.Errorf("the greeter was given %+v", <-p.heard)
	}
}

// A peer that opens many hellos and finishes none does not take the places of all.
func TestHellosOfOnePeerAreBounded(t *testing.T) {
	p := newPorter()
	b := newGreeting(t, Config{HelloTimeout: patience}, p)
	h, other := newHost(t), newNode(t, Config{})
	know(h, b.h)
	know(other.h, b.h)
	dial := func() network.Stream {
		s, err := h.NewStream(t.Context(), b.h.ID(), PoolProtocol)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Reset() })
		s.Write([]byte{0x20}) // the first byte of a Hello
		return s
	}
	for i := range maxPeerGreetings {
		dial()
		eventually(t, "the hello has a place", func() bool { return b.greeted(h) == i+1 })
	}
	for range 3 {
		if _, err := dial().Read(make([]byte, 1)); err == nil {
			t.Error("one more than may be is answered")
		}
	}
	if _, err := other.Exchange(t.Context(), b.where(), frame.Hello{}); err != nil {
		t.Error(err)
	}
	if n := b.greeted(h); n > maxPeerGreetings {
		t.Errorf("%d hellos of one peer at the same time", n)
	}
}
