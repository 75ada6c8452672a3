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
	grouped := 0
	for _, n := range v.groups {
		grouped += n
	}
	if grouped != in {
		t.Fatalf("%d peers are in groups, %d in view", grouped, in)
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
