package p2p

import (
	"testing"
	"testing/synctest"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// Which refusals mean that the peer's process has ended: those of an address that the session was
// connected to, and of the same host in a private network or on this machine. The router of a NAT
// that refuses ends no session.
func TestRefusalsThatCount(t *testing.T) {
	for _, c := range []struct {
		dialled, where, refuses string
		counts                  bool
	}{
		{"/ip4/203.0.113.7/tcp/4001", "/ip4/203.0.113.7/tcp/4001", "/ip4/203.0.113.7/tcp/4001", true},
		{"/ip4/203.0.113.7/tcp/4001", "/ip4/203.0.113.7/tcp/4001", "/ip4/203.0.113.7/tcp/4002", false},
		{"", "/ip4/203.0.113.7/tcp/53124", "/ip4/203.0.113.7/tcp/4001", false}, // by a NAT
		{"", "/ip4/10.1.2.3/tcp/53124", "/ip4/10.1.2.3/tcp/4001", true},
		{"", "/ip4/10.1.2.3/udp/4001/quic-v1", "/ip4/10.1.2.3/tcp/4001", true},
		{"", "/ip4/10.1.2.3/udp/4001/quic-v1", "/ip4/10.1.2.3/udp/4001/quic-v1", false},
		{"", "/ip4/10.1.2.3/tcp/53124", "/ip4/10.1.2.4/tcp/4001", false},
		{"", "/ip4/203.0.113.7/tcp/53124", "/ip4/127.0.0.1/tcp/4001", false}, // this machine's own
		{"", "/ip4/127.0.0.1/tcp/53124", "/ip4/127.0.0.1/tcp/4001", true},
	} {
		o := &outbound{where: ma.StringCast(c.where)}
		if c.dialled != "" {
			o.dialled = append(o.dialled, ma.StringCast(c.dialled))
		}
		if got := o.trusts(ma.StringCast(c.refuses)); got != c.counts {
			t.Errorf("connected to %s, then %s refuses: counts is %v", c.where, c.refuses, got)
		}
	}
}

// A refusal or two may be the moment in which a listener is made anew.
func TestRefusalsInARow(t *testing.T) {
	var g graves
	for _, at := range []time.Duration{0, 100, 200, 300} {
		if g.refused(at * time.Millisecond) {
			t.Errorf("gone after %d ms", at)
		}
	}
	if !g.refused(500 * time.Millisecond) {
		t.Error("not gone after 0.5 s of refusals")
	}
}

// The time of a silence leaves out what this process slept.
func TestStillnessWhileStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s stillness
		s.end()
		for range 4 {
			time.Sleep(step)
			s.count(2 * step)
		}
		time.Sleep(time.Hour) // as a process that is stopped does
		if c := s.count(2 * step); c.spent != 4*step+2*step {
			t.Errorf("%v of silence", c.spent)
		}
	})
}

// A part of a frame is a sign of life, which the receiver passes on.
func TestLongFramesAreSignsOfLife(t *testing.T) {
	b := newNode(t, Config{})
	h := newHost(t)
	know(h, b.h)
	r := dialRaw(t, h, b)
	r.open(hail)
	long := data(t, 1, deliver(b, 7, 8<<10))
	r.say(long[:1<<10])
	if seq, err := wire.ParseAck(r.expect(wire.TypeAck)); seq != 0 || err != nil {
		t.Errorf("Ack of %d, error %v", seq, err)
	}
	r.say(long[1<<10:])
	r.expectAck(1)
}
