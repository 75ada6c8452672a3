package job

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// told watches an origin, of which it holds: a rank has a reason in the record if and only if there
// was an event that it failed, once, and only in a job with FT whose ranks ran; and each node that
// goes on, of those that have ranks, is told of it at once. A node that is told to stop is told
// nothing after that.
type told struct {
	t       *testing.T
	seed    uint64
	o       *origin
	failed  map[int]bool
	stopped map[mpi.PeerID]bool // nodes with ranks
}

func newTold(t *testing.T, seed uint64, o *origin) *told {
	return &told{t, seed, o, map[int]bool{}, map[mpi.PeerID]bool{}}
}

func (x *told) check(actions []action) {
	now := map[int]bool{}
	heard := map[mpi.PeerID]map[int]bool{}
	for _, a := range actions {
		switch a := a.(type) {
		case happen:
			if a.e.Type != mpi.EventRankFailed {
				continue
			}
			if x.failed[a.e.Rank] || !x.o.record.Spec.FT || a.e.Cause == nil || a.e.Cause.Peer != x.o.record.Ranks[a.e.Rank].Peer {
				x.t.Fatalf("seed %d: rank %d fails, of %+v", x.seed, a.e.Rank, a.e.Cause)
			}
			x.failed[a.e.Rank], now[a.e.Rank] = true, true
		case post:
			switch f := a.f.(type) {
			case frame.RanksFailed:
				if x.stopped[a.to] {
					x.t.Fatalf("seed %d: %s, which has no part any more, is told of %v", x.seed, a.to, f.Ranks)
				}
				if heard[a.to] == nil {
					heard[a.to] = map[int]bool{}
				}
				for _, r := range f.Ranks {
					heard[a.to][int(r)] = true
				}
			case frame.Stop:
				if p := x.o.nodes[a.to]; p != nil && len(p.ranks) > 0 {
					x.stopped[a.to] = true
				}
			}
		}
	}
	for _, p := range x.o.order {
		if p.state != placed || p.failed {
			continue
		}
		for r := range now {
			if !heard[p.peer][r] {
				x.t.Fatalf("seed %d: %s is not told that rank %d has failed", x.seed, p.peer, r)
			}
		}
	}
}

func (x *told) end() {
	for r, rank := range x.o.record.Ranks {
		if (rank.Failed != nil) != x.failed[r] {
			x.t.Fatalf("seed %d: rank %d has failed: %v, in the record: %+v", x.seed, r, x.failed[r], rank.Failed)
		}
	}
	all := len(x.o.record.Ranks)
	if r := x.o.record; r.State == mpi.JobDone && r.FailedRanks() == all || x.o.cause == nil && !slices.Contains([]mpi.JobState{mpi.JobDone}, r.State) {
		x.t.Fatalf("seed %d: it is %s, %d of %d ranks have failed, cause %v", x.seed, r.State, r.FailedRanks(), all, x.o.cause)
	}
}

// A job with FT whose ranks run, and whose nodes and ranks fail in any order, with other things
// said meanwhile: what told holds, and it comes to its end.
func TestJobsSurviveAnyOrder(t *testing.T) {
	failures, done := 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		now := time.Unix(1e9, 0)
		peers := []mpi.PeerID{"self", "b", "c", "d", "e"}[:2+r.IntN(4)]
		spec := mpi.JobSpec{File: "prog", Ranks: len(peers) + r.IntN(4), FT: true, Stdin: r.IntN(2) == 0}
		o := newOrigin("self", mpi.JobID{Origin: "self"}, spec, mpi.Interpreter{Name: "prog"}, now)
		x := newTold(t, seed, o)
		owed := 0
		step := func(e originEvent) {
			actions := o.step(now, e)
			x.check(actions)
			for _, a := range actions {
				if _, ok := a.(happen); ok {
					owed++
				}
			}
		}
		step(begun{})
		step(candidates{peers: peers})
		for _, p := range peers {
			step(nodeEvent{p, frame.Reservation{Ranks: 4}})
		}
		for _, p := range peers {
			step(nodeEvent{p, frame.Prepared{}})
		}
		if o.phase != running {
			t.Fatalf("seed %d: it is %v", seed, o.phase)
		}
		for range 30 {
			peer := peers[r.IntN(len(peers))]
			rank := uint32(r.IntN(spec.Ranks))
			switch r.IntN(12) {
			case 0:
				if peer != "self" && r.IntN(2) == 0 {
					step(nodeLost{peer, "reset"})
				}
			case 1:
				step(nodeEvent{peer, frame.PeerLost{Peer: peers[r.IntN(len(peers))], Detail: "silent"}})
			case 2:
				if r.IntN(4) == 0 {
					step(nodeEvent{peer, frame.Failed{Rank: -1, Reason: mpi.Internal}})
				}
			case 3:
				if r.IntN(4) == 0 {
					step(nodeEvent{peer, frame.Stopped{}})
				}
			case 4, 5:
				reasons := []mpi.Reason{mpi.Exited, mpi.Trapped, mpi.Exited, mpi.OutOfMemory, mpi.Aborted}
				step(nodeEvent{peer, frame.Exit{Rank: rank, Reason: reasons[r.IntN(4+r.IntN(2))], Code: 1}})
			case 6, 7, 8:
				step(nodeEvent{peer, frame.Exit{Rank: rank}})
			case 9:
				step(nodeEvent{peer, frame.Standing{Round: o.looks, Idle: true}})
			case 10:
				if at := o.wake(); !at.IsZero() {
					now = at
					step(tick{})
				}
			case 11:
				step(inputGiven{1, make([]byte, 10)})
			}
		}
		failures += len(x.failed)
		wasOver := o.phase == over // without the items that waited
		step(quit{true, mpi.JobCause{Rank: -1, Reason: mpi.Cancelled}})
		for range 20 {
			for ; owed > 0; owed-- {
				step(recordEvent{})
			}
			if at := o.wake(); !at.IsZero() {
				now = at
				step(tick{})
			}
		}
		x.end()
		if o.phase != over || o.pending != 0 && !wasOver {
			t.Fatalf("seed %d: it is %v, %d items pending", seed, o.phase, o.pending)
		}
		if o.record.State == mpi.JobDone && len(x.failed) > 0 {
			done++
		}
	}
	if failures < 1000 || done < 100 {
		t.Errorf("only %d ranks failed; only %d jobs were done without ranks that failed", failures, done)
	}
}
