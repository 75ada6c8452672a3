package rendezvous

import (
	"fmt"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// naming is a hello that names many peers of pool1.
func naming(n int, prefix string) frame.Hello {
	h := serving(pool1)
	for all := peers(n, prefix); len(all) > 0; {
		k := min(len(all), frame.MaxPoolMembers)
		h.Members = append(h.Members, frame.Members{Program: pool1, Peers: all[:k]})
		all = all[k:]
	}
	return h
}

func (b *bench) drain() (n int) {
	for b.run(); len(b.open) > 0; b.run() {
		for id, p := range b.open {
			delete(b.open, id)
			b.v.failed(b.now, p.ticket, absent)
			n++
		}
	}
	return n
}

func TestHintsAreNotBelieved(t *testing.T) {
	b := joined(t, "a")
	b.greet("a", naming(3, "p"))
	b.pool(pool1, "a")
	b.probed("p00000", "p00001", "p00002")
	b.fail("p00000", absent)
	b.answer("p00001", serving(pool1))
	b.answer("p00002", serving(pool2)) // not what a said
	b.pool(pool1, "a", "p00001")
}

func TestHintsOfOnePeerAreBounded(t *testing.T) {
	b := joined(t, "liar")
	b.greet("liar", naming(10_000, "x"))
	if n := b.drain(); n != b.v.lim.sourceHint {
		t.Errorf("one hello causes %d probes", n)
	}
	b.greet("liar", naming(10_000, "y"))
	if n := b.drain(); n != 0 {
		t.Errorf("the next hello causes %d more", n)
	}
	b.now = b.now.Add(30 * time.Second)
	b.drain() // the retries of those before
	b.greet("liar", naming(10_000, "z"))
	if n := b.drain(); n != b.v.lim.sourceHint/2 {
		t.Errorf("half a minute later: %d", n)
	}
	b.pool(pool1, "liar")
}

func TestHintsOfManyPeersAreBounded(t *testing.T) {
	b := joined(t)
	n := 0
	for i := range 20 {
		id := mpi.PeerID(fmt.Sprintf("sybil%d", i))
		b.v.greeted(b.now, id, naming(200, string(id)), up)
		b.v.greeted(b.now, id, frame.Hello{Leaving: true}, up) // and anew: no fresh budget
		b.v.greeted(b.now, id, naming(200, string(id)+"b"), up)
		for b.run(); len(b.open) > 0; b.run() {
			for p := range b.open {
				if b.v.peers[p].in {
					b.answer(p, serving(pool1))
				} else {
					b.fail(p, absent)
					n++
				}
			}
		}
	}
	if n > b.v.lim.allHints {
		t.Errorf("twenty liars cause %d probes at once", n)
	}
}

func TestHintsForOtherPoolsAreIgnored(t *testing.T) {
	b := joined(t, "a")
	h := serving(pool1)
	h.Members = []frame.Members{
		{Program: pool2, Peers: peers(3, "p")},
		{Program: general, Peers: peers(3, "q")},
		{Program: pool1, Peers: []frame.PeerAddrs{{Peer: "self"}, {Peer: "denied"}, {Peer: "a"}}},
	}
	b.greet("a", h)
	b.probed()
}

// What matters is not held up by dials that lead nowhere.
func TestBlindDialsHoldUpNobody(t *testing.T) {
	b := joined(t, "liar", "a")
	b.greet("liar", naming(100, "x"))
	if len(b.open) != b.v.lim.probes {
		t.Fatalf("%d dials at once", len(b.open))
	}
	b.v.suspect(b.now, "a")
	b.v.speaking(b.now, "new")
	b.v.speaking(b.now, "x00099") // hinted, waiting, and now connected by itself
	b.run()
	for _, id := range []mpi.PeerID{"a", "new", "x00099"} {
		if _, ok := b.open[id]; !ok {
			t.Errorf("%s waits behind them", id)
		}
	}
}

func TestHelloIsBounded(t *testing.T) {
	b := newBench(t)
	var list []mpi.CID
	for i := range 20 {
		list = append(list, mpi.CID(fmt.Sprintf("bafy%d", i)))
	}
	for _, p := range peers(100, "p") {
		b.v.greeted(b.now, p.Peer, serving(list...), up)
	}
	b.v.suspect(b.now, "p00000")
	mine := b.v.hello("p00001", serving(list...))
	total := 0
	for _, m := range mine.Members {
		total += len(m.Peers)
		seen := map[mpi.PeerID]bool{}
		for _, p := range m.Peers {
			if p.Peer == "p00000" || p.Peer == "p00001" || seen[p.Peer] {
				t.Errorf("names %s", p.Peer)
			}
			seen[p.Peer] = true
		}
		if len(m.Peers) > frame.MaxPoolMembers {
			t.Errorf("%d members of one pool", len(m.Peers))
		}
	}
	if total != b.v.lim.toldPeers {
		t.Errorf("names %d peers", total)
	}
}

func TestViewIsBounded(t *testing.T) {
	b := newBench(t, func(v *view) { v.lim.peers = 10 })
	b.v.serve(b.now, echo(pool1))
	for _, p := range peers(10, "other") {
		b.v.greeted(b.now, p.Peer, serving(pool2), link{})
	}
	b.v.greeted(b.now, "late", serving(pool2), link{})
	if b.v.peers["late"] != nil {
		t.Error("a peer worth no more takes another's place")
	}
	for _, p := range peers(10, "ours") {
		b.v.greeted(b.now, p.Peer, serving(pool1), up)
		check(t, b.v)
	}
	if ids, _ := b.v.list(pool1); len(ids) != 10 {
		t.Errorf("our pool: %v", ids)
	}
	if mine, ok := b.v.greeted(b.now, "more", serving(pool1), up); !ok || len(mine.Serves) != 1 {
		t.Error("a peer that there is no room for is not answered")
	}
	if b.v.peers["more"] != nil {
		t.Error("the view is full, and grows")
	}
}

func TestHellosInViewAreBounded(t *testing.T) {
	b := newBench(t, func(v *view) { v.lim.bytes = 1 << 20 })
	fat := serving()
	for i := range mpi.MaxServes {
		fat.Serves = append(fat.Serves, mpi.Interpreter{Name: "x", Version: "1.0.0", CID: mpi.CID(fmt.Sprintf("bafy%d", i))})
	}
	for _, p := range peers(200, "p") {
		b.v.greeted(b.now, p.Peer, fat, up)
		check(t, b.v)
	}
	if n := len(b.v.known()); n < 100 || n > b.v.lim.bytes/b.v.lim.share+1 {
		t.Errorf("%d in view", n)
	}
	b.v.greeted(b.now, "p00000", serving(), up) // one shrinks: there is room again
	b.v.greeted(b.now, "last", fat, up)
	if b.v.peers["last"] == nil {
		t.Error("room is not used")
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	b := joined(t)
	for i, p := range peers(2*b.v.lim.candidates, "p") {
		b.v.found(b.now, pool1, p)
		if i%2 == 0 {
			b.v.found(b.now, pool1, p)
		}
	}
	if len(b.v.peers) > b.v.lim.candidates {
		t.Errorf("%d candidates", len(b.v.peers))
	}
	b.v.speaking(b.now, "here")
	if b.v.peers["here"] == nil {
		t.Error("rumours keep a connected peer out")
	}
	b.run()
}

// A hint for one that is known of adds addresses, within limits.
func TestAddressesAreMerged(t *testing.T) {
	b := joined(t, "a", "b")
	name := func(source mpi.PeerID, addrs ...string) {
		h := serving(pool1)
		h.Members = []frame.Members{{Program: pool1, Peers: []frame.PeerAddrs{{Peer: "x", Addrs: addrs}}}}
		b.v.greeted(b.now, source, h, up)
	}
	name("a", "/bad", "/worse")
	name("b", "/good", "/bad")
	if got := fmt.Sprint(b.v.peers["x"].addrs); got != "[/good /bad /worse]" {
		t.Error(got)
	}
	for i := range 100 {
		name("a", fmt.Sprint("/", i))
	}
	if got := b.v.peers["x"].addrs; len(got) != b.v.lim.addrs || got[0] != "/99" {
		t.Error(got)
	}
}
