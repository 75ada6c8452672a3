package job

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Whatever nodes say, in any order, an origin does not panic, sends no node two Places or two
// Starts, decides the cause once, and comes to its end once a client cancels the job.
func TestOriginTakesAnyOrder(t *testing.T) {
	for seed := range uint64(1000) {
		randomOrigin(t, seed, rand.New(rand.NewPCG(seed, 1)))
	}
}

func randomOrigin(t *testing.T, seed uint64, r *rand.Rand) {
	now := time.Unix(1e9, 0)
	spec := mpi.JobSpec{File: "prog", Ranks: 1 + r.IntN(4), Stdin: r.IntN(2) == 0, FT: r.IntN(2) == 0, Spares: r.IntN(3)}
	if r.IntN(3) == 0 {
		spec.Timeout = time.Minute
	}
	if r.IntN(2) == 0 {
		spec.WaitSlots = time.Hour
	}
	peers := []mpi.PeerID{"self", "b", "c", "d"}
	if r.IntN(4) == 0 {
		spec.Peers = peers[r.IntN(2):]
	}
	o := newOrigin("self", mpi.JobID{Origin: "self"}, spec, mpi.Interpreter{Name: "prog"}, now)
	placed, started := map[mpi.PeerID]bool{}, map[mpi.PeerID]bool{}
	told := newTold(t, seed, o)
	var owed []recordEvent
	finished, inputsOver := 0, 0
	var cause *mpi.JobCause
	step := func(e originEvent) {
		actions := o.step(now, e)
		told.check(actions)
		for _, a := range actions {
			switch a := a.(type) {
			case happen:
				owed = append(owed, recordEvent{})
			case output:
				n, rank := 0, 0
				switch f := a.f.(type) {
				case frame.Output:
					n, rank = len(f.Data), int(f.Rank)
				case frame.FileChunk:
					n, rank = len(f.Data), int(f.Rank)
				}
				x := recordEvent{from: a.from, n: n, rank: rank}
				if r.IntN(20) == 0 {
					x.err = "no space left"
				}
				owed = append(owed, x)
			case post:
				switch a.f.(type) {
				case frame.Place:
					if placed[a.to] {
						t.Fatalf("seed %d: a second Place for %s", seed, a.to)
					}
					placed[a.to] = true
				case frame.Start:
					if started[a.to] || !placed[a.to] {
						t.Fatalf("seed %d: a Start for %s", seed, a.to)
					}
					started[a.to] = true
				}
			case inputOver:
				inputsOver++
			case finish:
				finished++
			}
		}
		if cause != nil && o.cause != cause {
			t.Fatalf("seed %d: the cause was %+v, now it is %+v", seed, *cause, *o.cause)
		}
		cause = o.cause
	}
	settle := func() {
		for len(owed) > 0 {
			e := owed[0]
			owed = owed[1:]
			step(e)
		}
	}
	step(begun{})
	for range 60 {
		peer := peers[r.IntN(len(peers))]
		switch r.IntN(12) {
		case 0:
			list := peers
			if len(spec.Peers) > 0 {
				list = spec.Peers
			}
			step(candidates{round: o.round, peers: list})
		case 1, 2, 3, 4, 5, 6, 7:
			step(nodeEvent{peer, randomFrame(r)})
		case 8:
			if r.IntN(4) == 0 {
				step(nodeLost{peer, "reset"})
			}
		case 9:
			if r.IntN(4) == 0 {
				step(unsent{peer, r.IntN(3) - 1, mpi.Unreachable, "no route"})
			}
		case 10:
			if at := o.wake(); !at.IsZero() {
				now = at
				step(tick{})
			}
		case 11:
			switch r.IntN(5) {
			case 4:
				if r.IntN(8) == 0 {
					step(inputCut{"reset"})
				}
			case 0:
				step(inputGiven{1, make([]byte, r.IntN(1000))})
			case 1:
				step(inputTaken{})
			default:
				settle()
			}
		}
	}
	wasOver := o.phase == over // without the items that waited
	step(quit{true, mpi.JobCause{Rank: -1, Reason: mpi.Cancelled}})
	for range 20 {
		settle()
		if at := o.wake(); !at.IsZero() {
			now = at
			step(tick{})
		}
	}
	told.end()
	if o.phase != over || finished != 1 || inputsOver > 1 || !o.wake().IsZero() {
		t.Fatalf("seed %d: it is %v, finished %d times, input ended %d times, next timer %v", seed, o.phase, finished, inputsOver, o.wake())
	}
	if o.pending != 0 && !wasOver {
		t.Fatalf("seed %d: %d items pending", seed, o.pending)
	}
}

// randomFrame is a frame that a node may send to an origin.
func randomFrame(r *rand.Rand) frame.JobFrame {
	rank := uint32(r.IntN(5))
	reasons := []mpi.Reason{"", "", mpi.Exited, mpi.Lost, mpi.Refused, mpi.NoSlots, mpi.OutputLimit}
	reason := reasons[r.IntN(len(reasons))]
	switch r.IntN(11) {
	case 10:
		return frame.PeerLost{Peer: []mpi.PeerID{"self", "b", "c", "z"}[r.IntN(4)], Detail: "silent"}
	case 0, 1, 2:
		return frame.Reservation{Ranks: uint32(r.IntN(4)), Held: uint32(r.IntN(2)), Reason: reason}
	case 3, 4:
		return frame.Prepared{}
	case 5:
		if r.IntN(3) == 0 {
			return frame.Failed{Rank: int64(r.IntN(5)) - 1, Peer: "b", Reason: reason}
		}
		return frame.Stopped{}
	case 6:
		return frame.InputCredit{Bytes: int64(r.IntN(2000)) - 10}
	case 7:
		return frame.Output{Rank: rank, Data: make([]byte, r.IntN(frame.MaxJobPart))}
	case 8:
		return frame.FileChunk{Rank: rank, Data: make([]byte, r.IntN(frame.MaxJobPart))}
	}
	return frame.Exit{Rank: rank, Reason: reason}
}

// Whatever an origin says, in any order, a host does not panic, works on one thing at a time, gives
// back each slot once, and leaves once the node stops.
func TestHostTakesAnyOrder(t *testing.T) {
	for seed := range uint64(1000) {
		randomHost(t, seed, rand.New(rand.NewPCG(seed, 2)))
	}
}

func randomHost(t *testing.T, seed uint64, r *rand.Rand) {
	now := time.Unix(1e9, 0)
	slots := 1 + r.IntN(3)
	h := newHost("self", mpi.JobID{Origin: "a"}, slots, func(p mpi.PeerID) bool { return p != "banned" }, now)
	var under hostEvent // what ends the work under way
	reserved, used := slots, 0
	failures, lefts, ready := 0, 0, false
	step := func(e hostEvent) {
		for _, a := range h.step(now, e) {
			begin := func(end hostEvent) {
				if under != nil {
					t.Fatalf("seed %d: %T while %T is awaited", seed, a, under)
				}
				under = end
			}
			switch a := a.(type) {
			case takeSlots:
				if reserved == 0 || a.ranks > reserved {
					t.Fatalf("seed %d: %d slots taken of %d", seed, a.ranks, reserved)
				}
				reserved, used = 0, a.ranks
			case freeSlots:
				used -= a.ranks
			case makeGroup:
				if r.IntN(3) == 0 {
					begin(groupReady{"not there"})
				} else {
					begin(groupReady{})
					ready = true
				}
			case startRanks:
				begin(ranksEnded{})
			case freeGroup:
				if !ready {
					t.Fatalf("seed %d: there is no group", seed)
				}
				ready = false
				begin(groupGone{})
			case post:
				if _, ok := a.f.(frame.Failed); ok {
					failures++
				}
			case leave:
				lefts++
			}
		}
	}
	proceed := func() {
		if e := under; e != nil {
			under = nil
			step(e)
		}
	}
	for range 25 {
		switch r.IntN(10) {
		case 0, 1:
			ranks := make([]uint32, 1+r.IntN(3))
			for i := range ranks {
				ranks[i] = uint32(r.IntN(2))
			}
			nodes := []mpi.PeerID{"self", []mpi.PeerID{"b", "b", "banned", "self"}[r.IntN(4)]}
			step(nodeEvent{"a", frame.Place{Nodes: nodes, FT: r.IntN(2) == 0, Spares: r.IntN(2) == 0, Ranks: ranks, Args: []string{"prog"}, Stdin: r.IntN(2) == 0, Timeout: time.Duration(r.IntN(2)) * time.Minute}})
		case 2, 3:
			step(nodeEvent{"a", frame.Start{}})
		case 4:
			step(nodeEvent{"a", frame.Input{Data: make([]byte, r.IntN(1000))}})
		case 5:
			if _, ok := under.(ranksEnded); ok {
				reasons := []mpi.Reason{"", mpi.Exited, mpi.Cancelled}
				step(rankEnded{frame.Exit{Reason: reasons[r.IntN(3)]}})
			}
		case 6:
			switch r.IntN(8) {
			case 4:
				step(nodeEvent{"a", frame.RanksFailed{Ranks: []uint32{uint32(r.IntN(4))}}})
			case 6:
				step(nodeEvent{"a", frame.Keep{Ranks: uint32(r.IntN(4))}})
			case 7:
				step(nodeEvent{"a", frame.Replace{Node: uint32(r.IntN(3)), Peer: []mpi.PeerID{"c", "banned", "b"}[r.IntN(3)]}})
			case 5:
				step(peerBroke{"b", "it breaks the protocol"})
			case 0:
				step(nodeEvent{"a", frame.Stop{}})
			case 1:
				step(nodeLost{[]mpi.PeerID{"a", "b", "z"}[r.IntN(3)], "reset"})
			case 2:
				step(faulted{"a fault"})
			case 3:
				if at := h.wake(); !at.IsZero() {
					now = at
					step(tick{})
				}
			}
		default:
			proceed()
		}
	}
	step(shutdown{})
	for under != nil {
		proceed()
	}
	if h.phase != left || lefts != 1 || failures > 1 || reserved != 0 || used != 0 || ready || !h.wake().IsZero() {
		t.Fatalf("seed %d: it is %v, left %d times, told %d failures; %d slots reserved and %d used, group %v", seed, h.phase, lefts, failures, reserved, used, ready)
	}
}
