package job

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// An origin whose offers lapse again and again is refused for a growing while; others get their
// turn, and in the end it is forgotten.
func TestReservationsWithoutRanks(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		for want := firstBackoff; ; want = min(2*want, lastBackoff) {
			if got := n.offer("greedy", 4); got.Ranks != 4 {
				t.Fatalf("before it pauses for %v: %+v", want, got)
			}
			// two that lapse together cost one pause
			if got := n.offer("greedy", 100); got.Ranks != 4 {
				t.Fatalf("before it pauses for %v: %+v", want, got)
			}
			time.Sleep(frame.ReservationTime)
			start := time.Now()
			for {
				got := n.offer("greedy", 8)
				if got.Ranks > 0 {
					n.receive("greedy", frame.Stop{Job: got.Job})
					break
				}
				if got.Reason != mpi.Busy || !strings.Contains(got.Detail, "without placing ranks") {
					t.Fatalf("it is refused for %s: %s", got.Reason, got.Detail)
				}
				if other := n.offer("other", 8); other.Ranks != 8 {
					t.Fatalf("another origin gets %+v", other)
				} else {
					n.receive("other", frame.Stop{Job: other.Job})
				}
				time.Sleep(firstBackoff / 2)
			}
			if paused := time.Since(start); paused != want {
				t.Fatalf("it had to pause for %v, want %v", paused, want)
			}
			if want == lastBackoff {
				break
			}
		}
		time.Sleep(lastBackoff + time.Second)
		n.offer("greedy", 8)
		time.Sleep(frame.ReservationTime + firstBackoff)
		if got := n.offer("greedy", 8); got.Ranks != 8 {
			t.Errorf("long after it gets %+v", got)
		}
	})
}

// A job that waits for more slots than there are asks again and again, each time for as long as a
// node that does not answer has it wait. That is not held against its origin.
func TestHonestSearchIsNotRefused(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		o := newIsolated(t, "origin", failing)
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

// What becomes of ranks that are placed is not held against the origin. If it does not start them
// they end, and give up their slots.
func TestPlacedAndNotStarted(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		for range 3 {
			got := n.offer("slow", 8)
			if got.Ranks != 8 {
				t.Fatalf("it gets %+v", got)
			}
			n.receive("slow", frame.Place{Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: make([]uint32, 8), Args: []string{"x"}})
			if _, ok := n.hear("slow")[0].(frame.Prepared); !ok {
				t.Fatal("not prepared")
			}
			time.Sleep(fetchTimeout)
			if synctest.Wait(); n.slots.count() != 8 {
				t.Error("the ranks did not wait for those of slow nodes")
			}
			time.Sleep(startTime + 2*frame.DefaultGrace - fetchTimeout)
			list := n.hear("slow")
			if f, ok := list[0].(frame.Failed); !ok || f.Reason != mpi.TimedOut || n.slots.count() != 0 {
				t.Errorf("it says %+v, and %d slots are in use", list, n.slots.count())
			}
		}
	})
}

// Origins never stop jobs whose ranks have ended. Each has a share of such parts here, none keeps
// out others or the node's own jobs, and after a while the parts go by themselves.
func TestHostileJobsThatAreNeverStopped(t *testing.T) {
	withIsolated(t, goPrograms{"wait": func(*goRank) {}}, func(t *testing.T, n *isolatedNode) {
		run := func(origin mpi.PeerID) (ran int) {
			for range maxOpenJobs {
				got := n.offer(origin, 1)
				if got.Ranks == 0 {
					if got.Reason != mpi.Busy {
						t.Errorf("it is refused for %s: %s", got.Reason, got.Detail)
					}
					return ran
				}
				n.receive(origin, frame.Place{
					Job: got.Job, Nodes: []mpi.PeerID{"self", "other"}, Ranks: []uint32{0, 1}, Args: []string{"x"}})
				synctest.Wait()
				n.receive(origin, frame.Start{Job: got.Job})
				ran++
			}
			return ran
		}
		left := maxEnded
		for _, origin := range []mpi.PeerID{"many", "more", "third", "last"} {
			want := (left + 2) / 3
			if got := run(origin); got < want-1 || got > want+1 {
				t.Errorf("%s has %d parts, want %d", origin, got, want)
			}
			left -= want
		}
		if got := n.offer("other", 1); got.Ranks != 1 {
			t.Errorf("another origin gets %+v", got)
		} else {
			n.receive("other", frame.Stop{Job: got.Job})
		}
		own := frame.Offer{Job: mpi.NewRequestID("self"), Program: cidOf("wait"), Ranks: 1}
		if got := n.offered("self", own); got.Ranks != 1 {
			t.Errorf("the node's own job gets %+v", got)
		}
		n.receive("self", frame.Stop{Job: own.Job})
		synctest.Wait()
		n.Service.mu.RLock()
		for _, p := range n.parts {
			if len(p.machine.place.Nodes)+len(p.machine.place.Ranks)+len(p.watched) > 1 {
				t.Errorf("it keeps %+v of its place, and watches %d peers", p.machine.place, len(p.watched))
			}
		}
		n.Service.mu.RUnlock()
		time.Sleep(waitTime)
		synctest.Wait()
		n.Service.mu.RLock()
		defer n.Service.mu.RUnlock()
		if len(n.parts) != 0 || n.slots.count() != 0 {
			t.Errorf("%d parts and %d slots stay", len(n.parts), n.slots.count())
		}
		stopped := 0
		for _, f := range n.hear("many") {
			if _, ok := f.(frame.Stopped); ok {
				stopped++
			}
		}
		if stopped == 0 {
			t.Error("the origin is not told that nothing is left")
		}
	})
}

// Jobs that name very many nodes are not kept either, once their ranks have ended.
func TestHostileJobsOfManyNodes(t *testing.T) {
	withIsolated(t, goPrograms{"wait": func(*goRank) {}}, func(t *testing.T, n *isolatedNode) {
		nodes := []mpi.PeerID{"self"}
		for i := range maxEndedNodes / 4 {
			nodes = append(nodes, mpi.PeerID(fmt.Sprint("node", i)))
		}
		for range 8 {
			got := n.offer("origin", 1)
			n.receive("origin", frame.Place{Job: got.Job, Nodes: nodes, Ranks: []uint32{0}, Args: []string{"x"}})
			synctest.Wait()
			n.receive("origin", frame.Start{Job: got.Job})
			synctest.Wait()
		}
		n.Service.mu.RLock()
		defer n.Service.mu.RUnlock()
		kept := 0
		for _, p := range n.parts {
			kept += len(p.ranks.nodes)
		}
		if kept == 0 || kept > maxEndedNodes {
			t.Errorf("%d parts keep %d nodes", len(n.parts), kept)
		}
	})
}

// Every Place and Start is answered, also those that come as the reservation ends or after it.
func TestHostilePlaceThatComesTooLate(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		for _, wait := range []time.Duration{frame.ReservationTime, frame.ReservationTime + time.Second} {
			got := n.offer("late", 2)
			time.Sleep(wait) // wakes at the same time as the reservation's timer
			n.receive("late", frame.Place{
				Job: got.Job, Nodes: []mpi.PeerID{"self"}, Ranks: []uint32{0, 0}, Args: []string{"x"}})
			answered := false
			for _, f := range n.hear("late") {
				switch f := f.(type) {
				case frame.Prepared:
					answered = true
					n.receive("late", frame.Stop{Job: got.Job})
				case frame.Failed:
					answered = f.Reason == mpi.NoSlots
				}
			}
			if n.hear("late"); !answered || n.slots.count() != 0 {
				t.Errorf("after %v: answered %v, and %d slots are in use", wait, answered, n.slots.count())
			}
			time.Sleep(lastBackoff)
		}
	})
}
