package node

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// lonely is a node whose peers are the test: no network, so that time is the test's.
type lonely struct {
	*Node
	near map[mpi.PeerID]*lonely // other such nodes, which hear what it says
	mu   sync.Mutex
	said map[mpi.PeerID][]frame.Frame // to the test
}

type lonelyTransport struct {
	frame.JobTransport
	n    *lonely
	self mpi.PeerID
}

func (l lonelyTransport) Self() mpi.PeerID                        { return l.self }
func (lonelyTransport) Start(frame.Receiver) error                { return nil }
func (lonelyTransport) Close(context.Context) error               { return nil }
func (lonelyTransport) Watch(mpi.PeerID) func()                   { return func() {} }
func (lonelyTransport) ParsePeer(text string) (mpi.PeerID, error) { return mpi.PeerID(text), nil }
func (l lonelyTransport) Post(to mpi.PeerID, f frame.Frame, _ func(error)) {
	if near := l.n.near[to]; near != nil {
		near.jobs.receive(l.self, f.(frame.JobFrame))
		return
	}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.said[to] = append(l.n.said[to], f)
}

type lonelyPools struct{ mpi.Pools }

func (lonelyPools) Start() error                { return nil }
func (lonelyPools) Serve([]mpi.Interpreter)     {}
func (lonelyPools) Close(context.Context) error { return nil }

// newLonely starts a node with 8 slots. Its ranks must not wait for each other: the bubble does not see them park.
func newLonely(t *testing.T, self mpi.PeerID, programs goPrograms) *lonely {
	n := &lonely{near: map[mpi.PeerID]*lonely{}, said: map[mpi.PeerID][]frame.Frame{}}
	tr := lonelyTransport{n: n, self: self}
	c := Config{Transport: tr, JobTransport: tr, Pools: lonelyPools{}, Memory: 1 << 20, HandlerSlots: 1, Timeout: time.Minute, AnyProgram: true}
	serve(&c, programs)
	n.Node = New(c)
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return n
}

func (n *lonely) close(t *testing.T) {
	if err := n.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// withLonely runs a test on such a node, in a bubble of its own time.
func withLonely(t *testing.T, programs goPrograms, test func(t *testing.T, n *lonely)) {
	synctest.Test(t, func(t *testing.T) {
		n := newLonely(t, "self", programs)
		defer n.close(t)
		test(t, n)
	})
}

// hear is what the node has said to a peer since it was asked last, once it has no more to do.
func (n *lonely) hear(from mpi.PeerID) []frame.Frame {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.said[from]
	delete(n.said, from)
	return list
}

// offer offers a new job to the node, and returns its answer.
func (n *lonely) offer(origin mpi.PeerID, ranks uint32) frame.Reservation {
	n.hear(origin)
	n.jobs.receive(origin, frame.Offer{Job: mpi.NewRequestID(origin), Program: cidOf("wait"), Ranks: ranks})
	list := n.hear(origin)
	return list[len(list)-1].(frame.Reservation)
}

// An origin whose offers lapse again and again is refused for a growing while; others get their turn, and in the end it is forgotten.
func TestSlotsKeptInVain(t *testing.T) {
	withLonely(t, failing, func(t *testing.T, n *lonely) {
		for want := vainFirst; ; want = min(2*want, vainLast) {
			if got := n.offer("greedy", 4); got.Ranks != 4 {
				t.Fatalf("before it pauses for %v: %+v", want, got)
			}
			if got := n.offer("greedy", 100); got.Ranks != 4 { // two that lapse together cost one pause
				t.Fatalf("before it pauses for %v: %+v", want, got)
			}
			time.Sleep(frame.ReservationTime)
			start := time.Now()
			for {
				got := n.offer("greedy", 8)
				if got.Ranks > 0 {
					n.jobs.receive("greedy", frame.Stop{Job: got.Job})
					break
				}
				if got.Reason != mpi.Busy || !strings.Contains(got.Detail, "without placing ranks") {
					t.Fatalf("it is refused for %s: %s", got.Reason, got.Detail)
				}
				if other := n.offer("other", 8); other.Ranks != 8 {
					t.Fatalf("another origin gets %+v", other)
				} else {
					n.jobs.receive("other", frame.Stop{Job: other.Job})
				}
				time.Sleep(vainFirst / 2)
			}
			if paused := time.Since(start); paused != want {
				t.Fatalf("it had to pause for %v, want %v", paused, want)
			}
			if want == vainLast {
				break
			}
		}
		time.Sleep(vainLast + time.Second)
		n.offer("greedy", 8)
		time.Sleep(frame.ReservationTime + vainFirst)
		if got := n.offer("greedy", 8); got.Ranks != 8 {
			t.Errorf("long after it gets %+v", got)
		}
	})
}

// A job that waits for more slots than there are asks again and again, each time for as long as a node that does not answer has it wait.
// That is not held against its origin.
func TestHonestSearchIsNotRefused(t *testing.T) {
	withLonely(t, failing, func(t *testing.T, n *lonely) {
		o := newLonely(t, "origin", failing)
		defer o.close(t)
		o.near["self"], n.near["origin"] = n, o
		j, err := o.StartJob(t.Context(), mpi.JobSpec{File: "wait", Ranks: 100, Peers: []mpi.PeerID{"self", "silent"}, WaitSlots: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		const lack = "100 ranks wanted, 8 slots found: self 8; silent did not answer"
		rounds := 0
		if err := o.JobEvents(t.Context(), j.ID, 0, func(e mpi.JobEvent) error {
			if strings.HasPrefix(e.Text, "waiting: ") {
				if rounds++; e.Text != "waiting: "+lack {
					t.Errorf("it waits: %s", e.Text)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if j, err = o.Job(j.ID); err != nil || j.Cause == nil || j.Cause.Reason != mpi.NoSlots || j.Cause.Detail != lack {
			t.Errorf("it is %+v, %v", j, err)
		}
		if waited := j.Ended.Sub(j.Created); rounds == 0 || waited < 50*time.Minute {
			t.Errorf("it waited for %v", waited)
		}
	})
}

// What becomes of ranks that are placed is not held against the origin. If it does not start them they end, and give up their slots.
func TestPlacedAndNotStarted(t *testing.T) {
	withLonely(t, failing, func(t *testing.T, n *lonely) {
		for range 3 {
			got := n.offer("slow", 8)
			if got.Ranks != 8 {
				t.Fatalf("it gets %+v", got)
			}
			n.jobs.receive("slow", frame.Place{Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: make([]uint32, 8), Args: []string{"x"}})
			if _, ok := n.hear("slow")[0].(frame.Prepared); !ok {
				t.Fatal("not prepared")
			}
			time.Sleep(fetchTimeout)
			if synctest.Wait(); n.jobs.slots.count() != 8 {
				t.Error("the ranks did not wait for those of slow nodes")
			}
			time.Sleep(startMax - fetchTimeout)
			list := n.hear("slow")
			if f, ok := list[0].(frame.Failed); !ok || f.Reason != mpi.TimedOut || n.jobs.slots.count() != 0 {
				t.Errorf("it says %+v, and %d slots are in use", list, n.jobs.slots.count())
			}
		}
	})
}

// An origin has as many parts here as it may have jobs: parts whose ranks have ended take no slots.
func TestPartsOfOneOrigin(t *testing.T) {
	withLonely(t, goPrograms{"wait": func(*goRank) {}}, func(t *testing.T, n *lonely) {
		for range maxOpenJobs {
			got := n.offer("many", 1)
			n.jobs.receive("many", frame.Place{Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: []uint32{0}, Args: []string{"x"}})
			synctest.Wait()
			n.jobs.receive("many", frame.Start{Job: got.Job})
		}
		if got := n.offer("many", 1); got.Ranks != 0 || got.Reason != mpi.Busy {
			t.Errorf("one more is %+v", got)
		}
		if got := n.offer("other", 1); got.Ranks != 1 {
			t.Errorf("another origin gets %+v", got)
		}
	})
}
