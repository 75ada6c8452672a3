package node

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// lonely is a node whose peers are the test: no network, so that time is the test's.
type lonely struct {
	*Node
	mu   sync.Mutex
	said map[mpi.PeerID][]mpi.Frame
}

type lonelyTransport struct {
	mpi.JobTransport
	n *lonely
}

func (lonelyTransport) Self() mpi.PeerID            { return "self" }
func (lonelyTransport) Start(mpi.Receiver) error    { return nil }
func (lonelyTransport) Close(context.Context) error { return nil }
func (lonelyTransport) Watch(mpi.PeerID) func()     { return func() {} }
func (l lonelyTransport) Post(to mpi.PeerID, f mpi.Frame, _ func(error)) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.said[to] = append(l.n.said[to], f)
}

type lonelyPools struct{ mpi.Pools }

func (lonelyPools) Start() error                { return nil }
func (lonelyPools) Serve([]mpi.Interpreter)     {}
func (lonelyPools) Close(context.Context) error { return nil }

// withLonely runs a test on a node with 8 slots, in a bubble of its own time. Its ranks must not wait for each other: the bubble does not see them park.
func withLonely(t *testing.T, programs goPrograms, test func(t *testing.T, n *lonely)) {
	synctest.Test(t, func(t *testing.T) {
		n := &lonely{said: map[mpi.PeerID][]mpi.Frame{}}
		tr := lonelyTransport{n: n}
		c := Config{Transport: tr, JobTransport: tr, Pools: lonelyPools{}, Memory: 1 << 20, Slots: 1, Timeout: time.Minute, AnyProgram: true}
		serve(&c, programs)
		n.Node = New(c)
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(t, n)
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// hear is what the node has said to a peer since it was asked last, once it has no more to do.
func (n *lonely) hear(from mpi.PeerID) []mpi.Frame {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.said[from]
	delete(n.said, from)
	return list
}

// offer offers a new job to the node, and returns its answer.
func (n *lonely) offer(origin mpi.PeerID, ranks uint32) mpi.Slots {
	n.hear(origin)
	n.jobs.receive(origin, mpi.Offer{Job: mpi.NewRequestID(origin), Program: cidOf("wait"), Ranks: ranks})
	list := n.hear(origin)
	return list[len(list)-1].(mpi.Slots)
}

// However an origin goes about it, it cannot keep slots for long for jobs that it does not start: others get their turn.
func TestSlotsKeptInVain(t *testing.T) {
	for name, stop := range map[string]time.Duration{"until they lapse": 0, "almost until then": 9 * time.Second, "for a moment": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			withLonely(t, failing, func(t *testing.T, n *lonely) {
				const span = 2 * time.Hour
				start, kept, refused, longest := time.Now(), time.Duration(0), time.Time{}, time.Duration(0)
				for time.Since(start) < span {
					got := n.offer("greedy", 100)
					if got.Ranks == 0 {
						if got.Reason != mpi.Busy || !strings.Contains(got.Detail, "without starting a job") {
							t.Fatalf("it is refused for %s: %s", got.Reason, got.Detail)
						}
						if refused.IsZero() {
							refused = time.Now()
							if other := n.offer("other", 8); other.Ranks != 8 {
								t.Fatalf("another origin gets %+v", other)
							} else {
								n.jobs.receive("other", mpi.Stop{Job: other.Job})
							}
						}
						time.Sleep(100 * time.Millisecond)
						continue
					}
					if !refused.IsZero() {
						longest = max(longest, time.Since(refused))
						refused = time.Time{}
					}
					began := time.Now()
					if stop > 0 {
						time.Sleep(stop)
						n.jobs.receive("greedy", mpi.Stop{Job: got.Job})
					} else {
						time.Sleep(mpi.SlotsKept)
					}
					if synctest.Wait(); n.jobs.slots.count() != 0 {
						t.Fatal("the slots are not free again")
					}
					kept += time.Since(began)
				}
				if most := vainMost + span/vainFade; kept > most {
					t.Errorf("slots were kept for %v of %v, more than %v", kept, span, most)
				}
				if longest > vainWait || stop == 0 && longest < time.Minute {
					t.Errorf("it had to pause for %v at most", longest)
				}
				time.Sleep(24 * time.Hour) // all is forgotten
				n.offer("other", 0)
				if got := n.offer("greedy", 8); got.Ranks != 8 {
					t.Errorf("a day later it gets %+v", got)
				}
				time.Sleep(mpi.SlotsKept)
				synctest.Wait()
				n.jobs.mu.Lock()
				defer n.jobs.mu.Unlock()
				if len(n.jobs.vain) != 1 || n.jobs.vain["greedy"].time != mpi.SlotsKept {
					t.Errorf("it is remembered as %+v", n.jobs.vain["greedy"])
				}
			})
		})
	}
}

// An origin that looks for more slots than there are, as a client that waits for them has it do, is not told to pause soon.
func TestHonestSearchIsNotRefused(t *testing.T) {
	withLonely(t, failing, func(t *testing.T, n *lonely) {
		for start := time.Now(); time.Since(start) < 5*time.Minute; time.Sleep(lastPause) {
			got := n.offer("honest", 100)
			if got.Ranks != 8 {
				t.Fatalf("after %v: %+v", time.Since(start), got)
			}
			time.Sleep(offerGrace)
			n.jobs.receive("honest", mpi.Stop{Job: got.Job})
		}
	})
}

// Ranks that were placed are started, or give up their slots; and that, too, was in vain.
func TestPlacedAndNotStarted(t *testing.T) {
	withLonely(t, failing, func(t *testing.T, n *lonely) {
		got := n.offer("slow", 8)
		n.jobs.receive("slow", mpi.Place{Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: make([]uint32, 8), Args: []string{"x"}})
		if _, ok := n.hear("slow")[0].(mpi.Prepared); !ok {
			t.Fatal("not prepared")
		}
		time.Sleep(fetchTimeout)
		if synctest.Wait(); n.jobs.slots.count() != 8 {
			t.Error("the ranks did not wait for those of slow nodes")
		}
		time.Sleep(startMax - fetchTimeout)
		list := n.hear("slow")
		if f, ok := list[0].(mpi.Failed); !ok || f.Reason != mpi.TimedOut || n.jobs.slots.count() != 0 {
			t.Errorf("it says %+v, and %d slots are in use", list, n.jobs.slots.count())
		}
		if got := n.offer("slow", 8); got.Ranks != 0 || got.Reason != mpi.Busy {
			t.Errorf("it may go on at once: %+v", got)
		}
		time.Sleep(vainWait)
		if got := n.offer("slow", 8); got.Ranks != 8 {
			t.Errorf("it may never again: %+v", got)
		}
	})
}

// What starts is not in vain.
func TestStartedIsNotInVain(t *testing.T) {
	withLonely(t, goPrograms{"wait": func(*goRank) {}}, func(t *testing.T, n *lonely) {
		for range 50 {
			got := n.offer("busy", 8)
			if got.Ranks != 8 {
				t.Fatalf("it gets %+v", got)
			}
			n.jobs.receive("busy", mpi.Place{Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: make([]uint32, 8), Args: []string{"x"}})
			time.Sleep(time.Minute)
			synctest.Wait()
			n.jobs.receive("busy", mpi.Start{Job: got.Job})
			synctest.Wait()
			n.jobs.receive("busy", mpi.Stop{Job: got.Job})
		}
	})
}

// An origin has as many parts here as it may have jobs: parts whose ranks have ended take no slots.
func TestPartsOfOneOrigin(t *testing.T) {
	withLonely(t, goPrograms{"wait": func(*goRank) {}}, func(t *testing.T, n *lonely) {
		for range maxOpenJobs {
			got := n.offer("many", 1)
			n.jobs.receive("many", mpi.Place{Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: []uint32{0}, Args: []string{"x"}})
			synctest.Wait()
			n.jobs.receive("many", mpi.Start{Job: got.Job})
		}
		if got := n.offer("many", 1); got.Ranks != 0 || got.Reason != mpi.Busy {
			t.Errorf("one more is %+v", got)
		}
		if got := n.offer("other", 1); got.Ranks != 1 {
			t.Errorf("another origin gets %+v", got)
		}
	})
}
