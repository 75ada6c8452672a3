package rendezvous

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

func discovering(v *view) { v.discovery = true }

func over(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestRefreshAsksConnectedAndNetwork(t *testing.T) {
	b := newBench(t, discovering)
	b.v.speaking(b.now, "a")
	b.answer("a", serving(pool1, pool2))
	b.v.speaking(b.now, "mute")
	b.fail("mute", unsure)
	b.run()

	done := b.v.refresh(b.now, pool1)
	if b.v.refresh(b.now, pool1) != done {
		t.Error("two rounds for one pool at once")
	}
	b.pass(b.v.lim.gap)
	b.probed("a", "mute") // a answered just now, but not to a hello that wants the pool
	if !slices.Equal(b.lookups, []mpi.CID{pool1}) {
		t.Fatalf("lookups: %v", b.lookups)
	}
	if w := b.open["a"].mine.Wants; !slices.Equal(w, []mpi.CID{pool1}) {
		t.Errorf("wants %v", w)
	}
	b.v.found(b.now, pool1, frame.PeerAddrs{Peer: "b"})
	hint := serving(pool1)
	hint.Members = []frame.Members{{Program: pool1, Peers: []frame.PeerAddrs{{Peer: "c"}, {Peer: "denied"}, {Peer: "self"}}}}
	b.answer("a", hint)
	b.answer("b", serving(pool1))
	b.fail("mute", unsure)
	b.v.looked(b.now, pool1, true)
	if over(done) {
		t.Fatal("over before c was heard")
	}
	b.answer("c", serving(pool1))
	if !over(done) {
		t.Fatal("not over when all was heard")
	}
	b.pool(pool1, "a", "b", "c")
	if _, at := b.v.list(pool1); !at.Equal(b.now) {
		t.Errorf("last lookup %v, want now", at)
	}

	b.now = b.now.Add(b.v.lim.fresh / 2)
	b.v.refresh(b.now, pool1)
	b.run()
	if _, asked := b.open["a"]; asked {
		t.Error("a is asked again within a second")
	}
}

// A peer that comes by itself does not put off the question that someone waits for.
func TestGreetingDuringRefresh(t *testing.T) {
	b := joined(t, "a")
	done := b.v.refresh(b.now, pool2)
	b.greet("a", serving(pool1))
	b.answer("a", serving(pool1, pool2))
	if !over(done) {
		t.Fatal("not over")
	}
	done = b.v.refresh(b.now, "bafythree") // a was asked just now: not at once
	b.greet("a", serving(pool1))
	b.pass(b.v.lim.gap)
	b.answer("a", serving(pool1))
	if !over(done) {
		t.Fatal("not over")
	}
}

func TestRefreshWithoutDiscovery(t *testing.T) {
	b := newBench(t)
	if done := b.v.refresh(b.now, pool1); !over(done) {
		t.Error("waits, with nobody to ask")
	}
	if _, at := b.v.list(pool1); !at.Equal(b.now) {
		t.Error("asking all there are is not counted")
	}
	if b.run(); len(b.lookups) > 0 {
		t.Errorf("lookups %v", b.lookups)
	}
}

func TestRefreshIsBounded(t *testing.T) {
	b := newBench(t, discovering)
	b.v.speaking(b.now, "a")
	done := b.v.refresh(b.now, pool1)
	b.probed("a")
	b.pass(b.v.t.Refresh)
	if !over(done) {
		t.Error("still waits")
	}
	b.answer("a", serving(pool1))
	b.v.looked(b.now, pool1, false)
	if _, at := b.v.list(pool1); !at.IsZero() {
		t.Error("a lookup that failed counts")
	}
}

func TestInterestEnds(t *testing.T) {
	b := newBench(t, discovering)
	b.v.refresh(b.now, pool1)
	b.run()
	b.v.looked(b.now, pool1, true)
	b.pass(b.v.t.Interest - time.Second)
	if w := b.v.hello("x", frame.Hello{}).Wants; len(w) != 1 {
		t.Fatalf("wants %v", w)
	}
	b.pass(time.Second)
	if w := b.v.hello("x", frame.Hello{}).Wants; len(w) != 0 {
		t.Errorf("still wants %v", w)
	}
}

func TestInterestIsBounded(t *testing.T) {
	b := newBench(t, discovering)
	first := b.v.refresh(b.now, pool1)
	for i := range 2 * frame.MaxWants {
		b.now = b.now.Add(time.Millisecond)
		b.v.refresh(b.now, mpi.CID(fmt.Sprintf("bafy%d", i)))
	}
	b.run()
	if w := b.v.hello("x", frame.Hello{}).Wants; len(w) != frame.MaxWants || slices.Contains(w, pool1) {
		t.Errorf("wants %d pools", len(w))
	}
	if !over(first) {
		t.Error("the round of a pool given up never ends")
	}
	if len(b.lookups) > 4*b.v.lim.lookups {
		t.Errorf("%d lookups at once", len(b.lookups))
	}
}

// when runs until the moment that something is ordered and returns how long that took.
func (b *bench) when(something func() bool) time.Duration {
	b.Helper()
	began := b.now
	for !something() {
		w := b.v.next(b.now)
		b.lookups = append(b.lookups, w.lookups...)
		b.adverts = append(b.adverts, w.adverts...)
		if something() {
			break
		}
		if w.at.IsZero() || b.now.Sub(began) > 24*time.Hour {
			b.Fatal("nothing will happen")
		}
		b.now = w.at
	}
	return b.now.Sub(began)
}

func TestLookupsBackOff(t *testing.T) {
	b := newBench(t, discovering)
	b.v.serve(b.now, echo(pool1))
	looking := func() bool { return len(b.lookups) > 0 }
	pause := func() time.Duration {
		d := b.when(looking)
		b.lookups = nil
		b.v.looked(b.now, pool1, true)
		return d
	}
	near := func(got, want time.Duration) {
		t.Helper()
		if got > want || got < want*7/8 {
			t.Errorf("pause %v, want about %v", got, want)
		}
	}
	near(pause(), 0)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		near(pause(), want*time.Second)
	}
	b.v.linked(1) // the first connection
	near(pause(), 0)
	near(pause(), time.Second)
	b.v.linked(2)
	near(pause(), 2*time.Second)
	b.v.refresh(b.now, pool1)
	near(pause(), 0)
	near(pause(), time.Second)
}

func TestAdvertising(t *testing.T) {
	b := newBench(t, discovering)
	b.run()
	if !slices.Equal(b.adverts, []mpi.CID{general}) {
		t.Fatalf("a node that serves nothing advertises %q", b.adverts)
	}
	b.v.advertised(b.now, general, 100*time.Hour)
	b.v.serve(b.now, echo(pool1))
	b.adverts = nil
	advertising := func() bool { return slices.Contains(b.adverts, pool1) }
	for _, c := range []struct{ ttl, pause time.Duration }{
		{0, 0}, // at once, and fails
		{0, time.Second},
		{0, 2 * time.Second},
		{3 * time.Hour, 4 * time.Second}, // the pauses after a success
		{3 * time.Hour, time.Minute},
		{3 * time.Hour, 2 * time.Minute},
		{3 * time.Hour, 4 * time.Minute},
		{3 * time.Hour, 8 * time.Minute},
		{3 * time.Hour, 16 * time.Minute},
		{3 * time.Hour, 32 * time.Minute},
		{3 * time.Hour, 64 * time.Minute},
		{3 * time.Hour, 90 * time.Minute}, // half of its life
		{0, 90 * time.Minute},             // fails
		{time.Minute, time.Second},
		{time.Minute, 30 * time.Second},
	} {
		if got := b.when(advertising); got > c.pause || got < c.pause*7/8 {
			t.Errorf("pause %v, want about %v", got, c.pause)
		}
		b.adverts = nil
		b.v.advertised(b.now, pool1, c.ttl)
	}
	b.v.serve(b.now, nil)
	b.adverts = nil
	b.pass(time.Hour)
	if advertising() {
		t.Error("advertised, and not served any more")
	}
}

func TestWorkIsBounded(t *testing.T) {
	b := newBench(t, discovering)
	var list []mpi.Interpreter
	const n = 200
	for i := range n {
		list = append(list, mpi.Interpreter{Name: "x", Version: "1.0.0", CID: mpi.CID(fmt.Sprintf("bafy%d", i))})
	}
	b.v.serve(b.now, list)
	b.run()
	if len(b.lookups) != b.v.lim.lookups || len(b.adverts) != b.v.lim.adverts {
		t.Fatalf("%d lookups and %d advertisements at once", len(b.lookups), len(b.adverts))
	}
	b.v.refresh(b.now, "bafy177") // someone waits for this one
	b.run()
	if b.lookups[len(b.lookups)-1] != "bafy177" {
		t.Error("a refresh waits behind lookups that nobody waits for")
	}
	seen := map[mpi.CID]bool{}
	for len(b.lookups) > 0 {
		program := b.lookups[0]
		b.lookups = b.lookups[1:]
		seen[program] = true
		b.v.looked(b.now, program, true)
		b.run()
	}
	if len(seen) != n {
		t.Errorf("%d pools looked up, want all", len(seen))
	}
}
