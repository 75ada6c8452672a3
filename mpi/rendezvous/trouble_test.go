package rendezvous

import (
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func TestSuspect(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(b *bench)
		want []mpi.PeerID
	}{
		{"answers", func(b *bench) { b.answer("a", serving(pool1)) }, []mpi.PeerID{"a", "b"}},
		{"is unreachable", func(b *bench) { b.fail("a", absent) }, []mpi.PeerID{"b"}},
		{"fails somehow", func(b *bench) { b.fail("a", unsure) }, []mpi.PeerID{"b"}},
		{"refuses", func(b *bench) { b.fail("a", hostile) }, []mpi.PeerID{"b"}},
		{"comes by itself meanwhile", func(b *bench) {
			b.now = b.now.Add(time.Second)
			b.v.greeted(b.now, "a", serving(pool1), up)
			b.fail("a", absent)
		}, []mpi.PeerID{"a", "b"}},
		{"answered before it was suspected", func(b *bench) {
			early := b.take("a").ticket
			b.v.suspect(b.now, "a")
			b.v.answered(b.now, early, serving(pool1), up)
			b.pass(time.Second)
			b.fail("a", unsure)
		}, []mpi.PeerID{"b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := joined(t, "a", "b")
			b.v.suspect(b.now, "a")
			b.v.suspect(b.now, "a")
			b.v.suspect(b.now, "unknown")
			b.probed("a")
			b.pool(pool1, "a", "b")
			c.then(b)
			b.pool(pool1, c.want...)
		})
	}
}

func TestOneThatRefusesIsNotAskedAgain(t *testing.T) {
	b := joined(t)
	b.v.found(b.now, pool1, frame.PeerAddrs{Peer: "a"})
	b.run()
	b.now = b.now.Add(time.Second)
	b.v.speaking(b.now, "a") // by the connection that we made
	b.fail("a", hostile)
	b.pass(b.v.t.BackoffMax)
	b.probed()
}

// A peer that greets and never answers does not stay.
func TestGreetingAloneIsNotEnoughAfterFailure(t *testing.T) {
	b := joined(t, "a")
	b.v.suspect(b.now, "a")
	b.fail("a", absent)
	b.pass(time.Second)
	b.greet("a", serving(pool1))
	b.pool(pool1, "a")
	b.fail("a", absent)
	b.pool(pool1)
}

func TestOneFailureMayBeAnything(t *testing.T) {
	b := joined(t, "a")
	b.pass(b.v.t.Stale)
	b.fail("a", unsure)
	b.pool(pool1, "a")
	b.pass(b.v.t.BackoffMin)
	b.fail("a", unsure)
	b.pool(pool1)
}

func TestDisconnected(t *testing.T) {
	b := joined(t, "a", "b")
	b.v.disconnected(b.now, "a")
	b.v.disconnected(b.now, "nobody")
	b.probed() // "self" is the higher ID: it lets "a" dial first
	b.pass(b.v.lim.yield)
	b.probed("a")
	b.answer("a", serving(pool1)) // it had lost a connection only
	b.pool(pool1, "a", "b")

	b.pass(time.Second)
	b.v.disconnected(b.now, "a") // again: not as fast
	b.probed()
	b.pass(b.v.t.BackoffMin + b.v.lim.yield)
	b.probed("a")
	b.fail("a", unsure)
	b.pool(pool1, "b")

	b.v.speaking(b.now, "a") // back
	b.pass(time.Second)
	b.answer("a", serving(pool1))
	b.pool(pool1, "a", "b")
}

// Of two peers that lost their connection the lower ID dials first.
func TestLowerIDDialsFirst(t *testing.T) {
	b := joined(t, "a", "z")
	b.v.disconnected(b.now, "a")
	b.v.disconnected(b.now, "z")
	b.probed("z")
	b.pass(b.v.lim.yield)
	b.probed("a", "z")
}

// A handshake that broke off says that somebody was there: the peer stays in view, in doubt.
func TestBrokenHandshake(t *testing.T) {
	t.Run("mended", func(t *testing.T) {
		b := joined(t, "z")
		b.v.disconnected(b.now, "z")
		b.fail("z", spoiled)
		b.pool(pool1, "z")
		b.pass(b.v.lim.gap)
		b.answer("z", serving(pool1))
		b.pool(pool1, "z")
		b.probed()
	})
	t.Run("then unreachable", func(t *testing.T) {
		b := joined(t, "z")
		b.v.disconnected(b.now, "z")
		b.fail("z", spoiled)
		b.pass(b.v.lim.gap)
		b.fail("z", absent)
		b.pool(pool1)
	})
	t.Run("again and again", func(t *testing.T) {
		b := joined(t, "z")
		b.v.disconnected(b.now, "z")
		for range b.v.lim.handshakes {
			b.fail("z", spoiled)
			b.pool(pool1, "z")
			b.pass(b.v.lim.gap)
		}
		b.fail("z", spoiled)
		b.pool(pool1)
	})
}

func TestDeadAreForgotten(t *testing.T) {
	b := joined(t, "b")
	b.v.found(b.now, pool1, frame.PeerAddrs{Peer: "a"})
	for n := range b.v.lim.tries {
		b.fail("a", absent)
		b.v.found(b.now, pool1, frame.PeerAddrs{Peer: "a"}) // a stale record
		b.probed()
		if n < b.v.lim.tries-1 {
			b.pass(b.v.retry(n + 1))
		}
		for _, busy := range []mpi.PeerID{"b"} { // grown stale meanwhile
			if _, ok := b.open[busy]; ok {
				b.answer(busy, serving(pool1))
			}
		}
	}
	b.now = b.now.Add(b.v.t.BackoffMax)
	b.answer("b", serving(pool1))
	b.probed()
	b.v.speaking(b.now, "a")
	b.probed("a")
	b.fail("a", hostile)
	b.now = b.now.Add(b.v.lim.forget)
	b.answer("b", serving(pool1))
	if b.v.peers["a"] != nil {
		t.Error("a is remembered for ever")
	}
}
