package match

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// ringWorld is n ranks of one node, with a ring from each to each that it sends to more than once.
func ringWorld(t testing.TB, n, slots int, cfg Config) *World {
	cfg.Size = n
	for rank := range n {
		cfg.Local = append(cfg.Local, rank)
	}
	w := New(t.Context(), cfg)
	w.ringAfter, w.ringSlots = 0, slots
	t.Cleanup(w.Close)
	return w
}

// sendNumber sends a number.
func sendNumber(e *Endpoint, to int, tag int32, v byte) {
	var r Request
	e.Send(&r, Envelope{Context: 4, Peer: to, Source: int32(e.rank), Tag: tag}, datatype.Of([]byte{v}), Standard)
}

// inRing is how many messages are in the ring from one rank to another.
func inRing(w *World, from, to int) int {
	p := w.Endpoint(from).out.pairs[to]
	if p == nil || p.ring == nil {
		return 0
	}
	return int(p.ring.tail - p.ring.head.Load())
}

// A rank that waits, spinning or parked, finds what comes through a ring: for a receive of one rank
// or of any, and for a probe.
func TestRingWakes(t *testing.T) {
	for _, cores := range []int{-1, 2} {
		t.Run(fmt.Sprint(cores), func(t *testing.T) {
			w := ringWorld(t, 3, 4, Config{Cores: cores})
			const rounds = 3000
			var wg sync.WaitGroup
			for me := 1; me < 3; me++ {
				wg.Go(func() {
					e, b := w.Endpoint(me), make([]byte, 1)
					for i := range rounds {
						sendNumber(e, 0, 1, byte(i))
						var r Request
						if e.Recv(&r, from(0, 2), datatype.Of(b)); e.WaitFor(&r) != nil || b[0] != byte(i) {
							t.Errorf("rank %d gets %d in round %d", me, b[0], i)
							return
						}
					}
				})
			}
			e, b := w.Endpoint(0), make([]byte, 1)
			recv := func(env Envelope, probe bool) (source int) {
				var r Request
				var m *Message
				if !probe {
					e.Recv(&r, env, datatype.Of(b))
				} else if err := e.Wait(func() (ok bool) { m, ok = e.Take(env); return ok }); err != nil {
					t.Fatal(err)
				} else {
					e.RecvMessage(&r, m, datatype.Of(b))
				}
				if err := e.WaitFor(&r); err != nil {
					t.Fatal(err)
				}
				return int(r.Status.Source)
			}
			for i := range rounds {
				first := recv(Envelope{Context: 4, Peer: abi.AnySource, Source: abi.AnySource, Tag: abi.AnyTag}, i%3 == 0)
				recv(from(3-first, 1), i%5 == 0)
				sendNumber(e, 1, 2, byte(i))
				sendNumber(e, 2, 2, byte(i))
			}
			wg.Wait()
		})
	}
}

// A task that follows a receive runs though the rank does not call: the sender delivers what it has
// put into the ring, and Then what came before.
func TestRingTasks(t *testing.T) {
	w := ringWorld(t, 2, 4, Config{})
	sender, receiver := w.Endpoint(0), w.Endpoint(1)
	b := make([]byte, 1)
	for i := range 100 {
		ran := make(chan bool)
		var r Request
		receiver.Recv(&r, from(0, 1), datatype.Of(b))
		early := i%2 == 0
		if early {
			sendNumber(sender, 1, 1, byte(i))
		}
		if i > 0 && r.Done() {
			t.Fatal("the sender delivers though no task follows")
		}
		if !r.Then(func() { close(ran) }) {
			if i > 0 {
				t.Fatal("the receive was done")
			}
			continue // there was no ring yet
		}
		if !early {
			sendNumber(sender, 1, 1, byte(i))
		}
		<-ran
		if b[0] != byte(i) {
			t.Fatalf("%d came, not %d", b[0], i)
		}
	}
	if n := receiver.watched.Load(); n != 0 {
		t.Errorf("%d requests are watched", n)
	}
}

// A full ring holds nothing up: the sender goes by the mailbox, behind what is in the ring.
func TestRingFull(t *testing.T) {
	w := ringWorld(t, 2, 4, Config{})
	for i := range 50 {
		sendNumber(w.Endpoint(0), 1, 1, byte(i))
	}
	if n := inRing(w, 0, 1); n == 0 {
		t.Error("the ring is empty")
	}
	b := make([]byte, 1)
	for i := range 50 {
		var r Request
		if w.Endpoint(1).Recv(&r, from(0, 1), datatype.Of(b)); !r.Done() || b[0] != byte(i) {
			t.Fatalf("message %d: %v, %d", i, r.Done(), b[0])
		}
	}
}

// What a rank sent before it failed is received, by receives from before the failure too.
func TestRingFailedSender(t *testing.T) {
	w := ringWorld(t, 2, 4, Config{})
	sender, receiver := w.Endpoint(0), w.Endpoint(1)
	sendNumber(sender, 1, 9, 0)
	var first, second, third Request
	b := make([]byte, 1)
	receiver.Recv(&first, from(0, 1), datatype.Of(b))
	sendNumber(sender, 1, 1, 11)
	sendNumber(sender, 1, 2, 12)
	if inRing(w, 0, 1) != 2 {
		t.Fatal("the messages are not in the ring")
	}
	w.FailRank(0, errors.New("gone"))
	if !first.Done() || first.Err != nil || b[0] != 11 {
		t.Errorf("the receive has %v, %v, %d", first.Done(), first.Err, b[0])
	}
	if receiver.Recv(&second, from(0, 2), datatype.Of(b)); !second.Done() || second.Err != nil || b[0] != 12 {
		t.Errorf("a later receive has %v, %v, %d", second.Done(), second.Err, b[0])
	}
	var failed *RankError
	if receiver.Recv(&third, from(0, 2), datatype.Of(b)); !third.Done() || !errors.As(third.Err, &failed) {
		t.Errorf("a receive of what was never sent has %v, %v", third.Done(), third.Err)
	}
}

// To a rank that has ended small messages go as before, and are forgotten. What a rank sent before
// it ended is received.
func TestRingClosed(t *testing.T) {
	w := ringWorld(t, 3, 4, Config{})
	for i := range 3 {
		sendNumber(w.Endpoint(0), 1, 1, byte(i))
		sendNumber(w.Endpoint(0), 2, 1, byte(i))
	}
	w.Endpoint(1).Close()
	for range 1000 {
		sendNumber(w.Endpoint(0), 1, 1, 0)
	}
	w.Endpoint(0).Close()
	b := make([]byte, 1)
	for i := range 3 {
		var r Request
		if w.Endpoint(2).Recv(&r, from(0, 1), datatype.Of(b)); !r.Done() || b[0] != byte(i) {
			t.Fatalf("message %d: %v, %d", i, r.Done(), b[0])
		}
	}
}

// A rank that spins lets others have its core as often with many rings as with none: on a busy
// machine the sender may be ready to run there.
func TestRingSpin(t *testing.T) {
	w := ringWorld(t, maxRings+1, 4, Config{})
	e := w.Endpoint(0)
	round := func(x *emptyRings) time.Duration { // of many, one that nothing interrupted
		least := time.Hour
		for range 500 {
			start := time.Now()
			if e.looks(e.seq.Load(), x, 1024) {
				t.Fatal("there is a message")
			}
			least = min(least, time.Since(start))
		}
		return least
	}
	var x emptyRings
	none := round(&x)
	for from := 1; from <= maxRings; from++ {
		for range 2 {
			sendNumber(w.Endpoint(from), 0, 1, 0)
		}
	}
	if x.of(e) {
		t.Error("the rings are empty")
	}
	e.collect()
	if !x.of(e) || x.n != maxRings {
		t.Fatalf("%d rings are looked at", x.n)
	}
	if many := round(&x); many > 4*none {
		t.Errorf("%v without a ring, %v with %d", none, many, x.n)
	}
	for from := 1; from <= maxRings; from++ {
		if x.filled() {
			t.Fatal("there is a message")
		}
		sendNumber(w.Endpoint(from), 0, 1, 0)
		if !x.filled() || !e.looks(e.seq.Load(), &x, 1) {
			t.Errorf("a message of rank %d is not seen", from)
		}
		e.collect()
		if x.of(e); x.n != maxRings {
			t.Fatal("a ring is gone")
		}
	}
}

// Rings are for so many senders at most, and out of the room that each has: what a rank is made to
// keep does not grow by them. The other senders go by the mailbox.
func TestHostileRings(t *testing.T) {
	const senders = 100
	cfg := Config{Room: minRings * ringSlots * slotBytes}
	w := ringWorld(t, senders+1, ringSlots, cfg)
	size := grown(func() {
		for from := 1; from <= senders; from++ {
			e, r := w.Endpoint(from), make([]Request, 1)
			for range cfg.Room { // more than there is room for
				if e.Send(&r[0], to(from, 0, 1), datatype.Of([]byte{byte(from)}), Standard); !r[0].Done() {
					e.Cancel(&r[0])
					break
				}
			}
			if !r[0].Status.Cancelled {
				t.Fatalf("rank %d never fills its room", from)
			}
		}
	})
	if n := len(*w.Endpoint(0).rings.Load()); n != maxRings {
		t.Errorf("there are %d rings to one rank", n)
	}
	// up to twice its Overhead for a message: see MaxHeld
	if limit := int64(senders * cfg.Room * 2); size > limit {
		t.Errorf("%d KiB are kept for one rank: the limit is %d", size>>10, limit>>10)
	}
	t.Logf("%d KiB are kept", size>>10)
	var small Request
	other := ringWorld(t, 2, ringSlots, Config{Room: cfg.Room - 1})
	for range 3 {
		other.Endpoint(0).Send(&small, to(0, 1, 1), datatype.Of(nil), Standard)
	}
	if other.Endpoint(1).rings.Load() != nil {
		t.Error("there is a ring without the room for it")
	}
}
