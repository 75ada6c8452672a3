package rendezvous

import (
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func TestConnectedSpeakerIsAskedAtOnce(t *testing.T) {
	b := newBench(t)
	b.v.serve(b.now, echo(pool1))
	b.v.speaking(b.now, "p")
	b.v.speaking(b.now, "denied")
	b.v.speaking(b.now, "self")
	b.probed("p")
	if mine := b.open["p"].mine; mine.Agent != "me" || mine.HandlerSlots != 3 || !slices.Equal(mine.Serves, echo(pool1)) {
		t.Errorf("we say %+v", mine)
	}
	b.pool(pool1)
	b.answer("p", serving(pool1, pool2))
	b.pool(pool1, "p")
	b.pool(pool2, "p")
	b.v.speaking(b.now, "p") // another connection
	b.pass(time.Minute)
	b.probed()
}

func TestGreeting(t *testing.T) {
	b := joined(t, "a", "b")
	mine, ok := b.greet("c", serving(pool1, pool2))
	if !ok || len(mine.Members) != 1 || mine.Members[0].Program != pool1 || len(mine.Members[0].Peers) != 2 {
		t.Fatalf("greeting is answered with %+v, %v", mine, ok)
	}
	b.pool(pool1, "a", "b", "c")
	b.probed("c") // for the hints that its hello could not have
	b.answer("c", serving(pool1))
	b.pool(pool2)

	if mine, _ = b.greet("a", frame.Hello{Wants: []mpi.CID{pool1}}); len(mine.Members) != 1 || len(mine.Members[0].Peers) != 2 {
		t.Errorf("a wants the pool and hears of %+v", mine.Members)
	}
	b.pool(pool1, "b", "c") // a serves nothing any more
	for _, id := range []mpi.PeerID{"denied", "self"} {
		if _, ok := b.greet(id, serving(pool1)); ok {
			t.Errorf("%s is answered", id)
		}
	}
	b.pool(pool1, "b", "c")
}

func TestGreetingIsNotReturnedWithoutNeed(t *testing.T) {
	b := newBench(t)
	b.greet("a", serving(pool1))
	b.probed()
	b.pool(pool1, "a")
	b.v.serve(b.now, echo(pool2))
	b.probed("a")
}

func TestGoodbye(t *testing.T) {
	b := joined(t, "a", "b")
	b.v.suspect(b.now, "a")
	b.probed("a") // whose answer is on its way when a leaves
	if _, ok := b.greet("a", frame.Hello{Leaving: true}); ok {
		t.Error("a goodbye is answered")
	}
	b.pool(pool1, "b")
	b.answer("a", serving(pool1))
	b.pool(pool1, "b")

	hint := frame.Hello{Serves: echo(pool1), Members: []frame.Members{{Program: pool1, Peers: []frame.PeerAddrs{{Peer: "a"}}}}}
	b.greet("b", hint)
	b.v.found(b.now, pool1, frame.PeerAddrs{Peer: "a"})
	b.probed()
	b.pass(b.v.lim.left) // forgotten; others may be right by now
	b.greet("b", hint)
	b.probed("a")
	b.greet("a", serving(pool1))
	b.pool(pool1, "a", "b")
}

func TestGoodbyeOfOneGoneAlready(t *testing.T) {
	b := joined(t, "a")
	b.greet("stranger", frame.Hello{Leaving: true})
	b.probed()
	b.pool(pool1, "a")
}

func TestStaleIsAskedAgain(t *testing.T) {
	b := joined(t, "a", "b")
	b.pass(b.v.t.Stale / 2)
	b.greet("b", serving(pool1))
	b.pass(b.v.t.Stale / 2)
	b.probed("a")
	b.answer("a", serving(pool2))
	b.pool(pool1, "b")
}

func TestPeersOfNoUseAreForgotten(t *testing.T) {
	b := joined(t, "a")
	b.greet("b", serving(pool2))
	b.answer("b", serving(pool2))
	b.pass(time.Second)
	for _, id := range []mpi.PeerID{"a", "b"} {
		b.v.disconnected(b.now, id)
		b.pass(b.v.lim.yield)
		b.answer(id, serving(b.v.peers[id].hello.Serves[0].CID))
	}
	b.pass(time.Second)
	b.v.disconnected(b.now, "a")
	b.v.disconnected(b.now, "b")
	b.pass(b.v.t.BackoffMin + b.v.lim.yield)
	b.probed("a")
	if known := b.v.known(); len(known) != 1 || known[0].Peer != "a" {
		t.Errorf("known: %+v", known)
	}
}

func TestChangeIsToldToAll(t *testing.T) {
	b := joined(t, "a", "b", "c")
	if !b.v.serve(b.now, echo(pool1, pool2)) {
		t.Fatal("no change")
	}
	b.probed("a", "b", "c")
	early := b.take("a")
	b.answer("b", serving(pool1))
	for range 10 {
		b.v.serve(b.now, echo(pool1))
		b.v.serve(b.now, echo(pool2)) // while a and c are being told, and just after b was
	}
	b.v.answered(b.now, early.ticket, serving(pool1), up)
	b.pass(b.v.lim.gap)
	b.probed("a", "b", "c")
	for _, id := range []mpi.PeerID{"a", "b"} {
		if mine := b.open[id].mine; !slices.Equal(mine.Serves, echo(pool2)) {
			t.Errorf("%s is told %+v", id, mine.Serves)
		}
		b.answer(id, serving(pool1))
	}
	b.answer("c", serving(pool1)) // told the first change; now the last
	b.pass(b.v.lim.gap)
	b.probed("c")
	b.answer("c", serving(pool1))
	b.pass(time.Second)
	if b.v.serve(b.now, echo(pool2)) {
		t.Error("the same is a change")
	}
	b.probed()
}
