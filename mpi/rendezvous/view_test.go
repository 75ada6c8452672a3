package rendezvous

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// bench drives a view by hand: its clock, and the outcome of what it orders.
type bench struct {
	*testing.T
	v   *view
	now time.Time
	// open is the probes that next ordered and that have no outcome yet.
	open             map[mpi.PeerID]probe
	void             []probe
	lookups, adverts []mpi.CID
}

const (
	pool1 mpi.CID = "bafyone"
	pool2 mpi.CID = "bafytwo"
)

func newBench(t *testing.T, change ...func(*view)) *bench {
	cfg := Config{Agent: "me", HandlerSlots: 3, Timing: Timing{}.withDefaults(), Log: slog.New(slog.DiscardHandler)}
	cfg.Admit = func(id mpi.PeerID) bool { return id != "denied" }
	b := &bench{
		T: t, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		v:    newView("self", cfg, defaultLimits(), rand.New(rand.NewPCG(1, 2))),
		open: map[mpi.PeerID]probe{},
	}
	for _, c := range change {
		c(b.v)
	}
	return b
}

// run does all that is due.
func (b *bench) run() {
	b.Helper()
	w := b.v.next(b.now)
	for _, p := range w.probes {
		if old, twice := b.open[p.to.Peer]; twice {
			if old.ticket.gen == p.ticket.gen {
				b.Fatalf("%s is probed twice at once", p.to.Peer)
			}
			b.void = append(b.void, old) // of before it left, or was forgotten
		}
		b.open[p.to.Peer] = p
	}
	b.lookups = append(b.lookups, w.lookups...)
	b.adverts = append(b.adverts, w.adverts...)
	if !w.at.IsZero() && w.at.Before(b.now) && len(w.probes)+len(w.lookups)+len(w.adverts) == 0 {
		b.Fatalf("idle, and due %v ago", b.now.Sub(w.at))
	}
	check(b.T, b.v)
}

func (b *bench) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.run()
}

// probed runs and checks that exactly these peers are being asked.
func (b *bench) probed(ids ...mpi.PeerID) {
	b.Helper()
	b.run()
	if got := slices.Sorted(maps.Keys(b.open)); !slices.Equal(got, ids) {
		b.Fatalf("peers being asked: %v, want %v", got, ids)
	}
}

func (b *bench) take(id mpi.PeerID) probe {
	b.Helper()
	b.run()
	p, ok := b.open[id]
	if !ok {
		b.Fatalf("%s is not being asked", id)
	}
	delete(b.open, id)
	return p
}

var up = link{up: true, local: true}

func (b *bench) answer(id mpi.PeerID, h frame.Hello) {
	b.Helper()
	b.v.answered(b.now, b.take(id).ticket, h, up)
	b.run()
}

func (b *bench) fail(id mpi.PeerID, kind trouble) {
	b.Helper()
	b.v.failed(b.now, b.take(id).ticket, kind)
	b.run()
}

func (b *bench) greet(id mpi.PeerID, h frame.Hello) (frame.Hello, bool) {
	b.Helper()
	mine, ok := b.v.greeted(b.now, id, h, up)
	b.run()
	return mine, ok
}

// pool checks a pool's members.
func (b *bench) pool(program mpi.CID, want ...mpi.PeerID) {
	b.Helper()
	if got, _ := b.v.list(program); !slices.Equal(got, want) {
		b.Fatalf("pool %s: %v, want %v", program, got, want)
	}
}

// joined makes a bench that serves pool1, with these members in view and at rest.
func joined(t *testing.T, ids ...mpi.PeerID) *bench {
	b := newBench(t)
	b.v.serve(b.now, echo(pool1))
	for _, id := range ids {
		b.v.speaking(b.now, id)
		b.answer(id, serving(pool1))
	}
	b.pass(time.Second)
	b.probed()
	return b
}

func serving(cids ...mpi.CID) frame.Hello { return frame.Hello{Agent: "them", Serves: echo(cids...)} }

func peers(n int, prefix string) []frame.PeerAddrs {
	var list []frame.PeerAddrs
	for i := range n {
		list = append(list, frame.PeerAddrs{Peer: mpi.PeerID(fmt.Sprintf("%s%05d", prefix, i))})
	}
	return list
}

// check holds what is true of a view at any time.
func check(t *testing.T, v *view) {
	t.Helper()
	in, bytes, listed, probing := 0, 0, 0, [laneCount]int{}
	for id, p := range v.peers {
		if p.id != id || id == v.self || !v.admit(id) {
			t.Fatalf("peer %q under %q", p.id, id)
		}
		if p.in {
			in++
			bytes += p.size
			seen := map[mpi.CID]bool{}
			for _, i := range p.hello.Serves {
				if v.members[i.CID][id] != p {
					t.Fatalf("%s is not listed in %s", id, i.CID)
				}
				if !seen[i.CID] {
					seen[i.CID] = true
					listed++
				}
			}
			if p.useful != v.useful(p.hello) {
				t.Fatalf("%s: useful is %v", id, p.useful)
			}
		} else if p.size != 0 || p.useful {
			t.Fatalf("%s is out of view and has size %d", id, p.size)
		}
		if p.index >= 0 && v.lanes[p.lane].peers[p.index] != p {
			t.Fatalf("%s is not where it is queued", id)
		}
		if p.probing {
			probing[p.lane]++
		}
		if (p.index >= 0) == p.probing {
			t.Fatalf("%s: queued %v and probing %v: nothing will happen to it, or twice", id, p.index >= 0, p.probing)
		}
	}
	total := 0
	for _, set := range v.members {
		total += len(set)
	}
	if in != v.inView || bytes != v.bytes || listed != total {
		t.Fatalf("view counts %d peers, %d bytes, %d listed; there are %d, %d, %d", v.inView, v.bytes, total, in, bytes, listed)
	}
	if in > v.lim.peers || bytes > v.lim.bytes || len(v.peers) > v.lim.peers+v.lim.candidates {
		t.Fatalf("over the limits: %d in view, %d bytes, %d known of", in, bytes, len(v.peers))
	}
	for i, l := range v.lanes {
		if l.busy < probing[i] || l.busy > v.lim.probes {
			t.Fatalf("lane %d: busy %d, probing %d", i, l.busy, probing[i])
		}
	}
}

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
