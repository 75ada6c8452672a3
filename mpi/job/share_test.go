package job

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// An origin that holds its slots, for an hour or for ever, leaves the others what is not its share.
func TestHostileOriginKeepsItsShare(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		n.cfg.Policy = policy.New("self", policy.Rules{RankSlots: 6})
		first := n.offer("greedy", 4)
		if first.Ranks != 4 {
			t.Fatalf("within its share it gets %+v", first)
		}
		second := n.offer("greedy", 4)
		if second.Ranks != 2 || second.Reason != mpi.NoSlots || !strings.Contains(second.Detail, "has 4 of the 6 slots") {
			t.Errorf("beyond its share it gets %+v", second)
		}
		third := n.offer("greedy", 1)
		if third.Ranks != 0 || third.Reason != mpi.NoSlots || !strings.Contains(third.Detail, "has 6 of the 6 slots") {
			t.Errorf("with all of its share it gets %+v", third)
		}
		if got := n.offer("other", 8); got.Ranks != 2 || !strings.Contains(got.Detail, "of its 8 slots are in use") {
			t.Errorf("another origin gets %+v", got)
		}
		n.receive("greedy", frame.Stop{Job: second.Job})
		synctest.Wait()
		if got := n.offer("greedy", 8); got.Ranks != 2 {
			t.Errorf("once it has given slots back it gets %+v", got)
		}
		if n := n.cfg.Policy.Refused()[mpi.RefusedRankSlots]; n != 4 { // each over the share
			t.Errorf("%d refusals are counted, want 4", n)
		}
		if got := n.own(8); !strings.Contains(got.Detail, "slots are in use") {
			t.Errorf("the owner's own job is told %q", got.Detail)
		}
	})
}

// The share is of slots: a rank with more memory takes more of it.
func TestShareOfRanksWithMuchMemory(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		n.cfg.Policy = policy.New("self", policy.Rules{RankSlots: 5})
		n.cfg.MaxMemory = 4 << 20
		id := mpi.NewRequestID("greedy")
		got := n.offered("greedy", frame.Offer{Job: id, Program: cidOf("wait"), Ranks: 4, Memory: 2 << 20})
		if got.Ranks != 2 || !strings.Contains(got.Detail, "takes 2") {
			t.Errorf("it gets %+v", got)
		}
	})
}

func TestQuietHoursOfJobs(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		now := time.Now()
		at := func(t time.Time) policy.Clock { return policy.Clock(t.Hour()*60 + t.Minute()) }
		n.cfg.Policy = policy.New("self", policy.Rules{Quiet: []policy.Hours{{From: at(now), To: at(now.Add(time.Hour))}}})
		got := n.offer("other", 1)
		until := fmt.Sprintf("until %s", now.Add(time.Hour).Format("15:04"))
		if got.Ranks != 0 || got.Reason != mpi.Refused || !strings.Contains(got.Detail, until) {
			t.Errorf("another origin gets %+v, want %s", got, until)
		}
		if got := n.own(1); got.Ranks != 1 {
			t.Errorf("the owner gets %+v", got)
		}
		time.Sleep(time.Hour)
		if got := n.offer("other", 1); got.Ranks != 1 {
			t.Errorf("after the hours another origin gets %+v", got)
		}
	})
}

// A policy that changes ends what runs of those it does not admit any more.
func TestReconsider(t *testing.T) {
	withIsolated(t, failing, func(t *testing.T, n *isolatedNode) {
		p := policy.New("self", policy.Rules{})
		n.cfg.Policy, n.cfg.Admit = p, p.Admit
		n.offer("denied", 2)
		n.offer("other", 2)
		p.Set(policy.Rules{Deny: []mpi.PeerID{"denied"}})
		n.Reconsider()
		synctest.Wait()
		if got := n.slots.count(); got != 2 {
			t.Errorf("%d slots are in use, want 2", got)
		}
		if got := n.offer("denied", 2); got.Reason != mpi.Refused {
			t.Errorf("it gets %+v", got)
		}
	})
}

// own offers the node a job of its own.
func (n *isolatedNode) own(ranks uint32) frame.Reservation {
	return n.offered("self", frame.Offer{Job: mpi.NewRequestID("self"), Program: cidOf("wait"), Ranks: ranks})
}
