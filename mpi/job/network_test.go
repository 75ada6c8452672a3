package job

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// A job and its hosts, whose sessions break and whose frames, timers and work come in any order,
// all come to their end, and every slot is given back. A job that is not disturbed and has slots
// enough is done.
func TestJobsEndOnBrokenLinks(t *testing.T) {
	for seed := range uint64(3000) {
		s := newSimulation(seed)
		cancelAt := -1
		if s.r.IntN(3) == 0 {
			cancelAt = s.r.IntN(80)
		}
		undisturbed := s.breaks == 0 && cancelAt < 0 && s.free() >= s.origin.record.Spec.Ranks
		total := s.free()
		for i := 0; i < 5000 && (s.something() || s.timer()); i++ {
			if i == cancelAt {
				s.stepOrigin(quit{true, mpi.JobCause{Rank: -1, Reason: mpi.Cancelled}})
			}
		}
		switch {
		case s.origin.phase != over:
			s.fail(t, seed, "the job has not ended")
		case s.free() != total:
			s.fail(t, seed, fmt.Sprintf("%d of %d slots are free", s.free(), total))
		case undisturbed && s.origin.record.State != mpi.JobDone:
			s.fail(t, seed, "the job is not done")
		}
		for _, n := range s.nodes {
			if n.host != nil {
				s.fail(t, seed, fmt.Sprintf("%s still has a part in the job", n.id))
			}
		}
	}
}

// simulation is an origin and nodes that may run its job.
type simulation struct {
	r      *rand.Rand
	now    time.Time
	origin *origin
	owed   []originEvent // of the recorder and of searches
	nodes  []*simulatedNode
	breaks int // of sessions, still to come
	log    []string
}

// simulatedNode is a node with the links between it and the origin.
type simulatedNode struct {
	id       mpi.PeerID
	slots    int // free
	reserved int
	host     *host // nil while it has no part in the job
	work     []hostEvent
	in, out  []any // frames to the node and to the origin; broken is the end of the session
}

type broken struct{}

func newSimulation(seed uint64) *simulation {
	s := &simulation{r: rand.New(rand.NewPCG(seed, 3)), now: time.Unix(1e9, 0)}
	spec := mpi.JobSpec{File: "prog", Ranks: 1 + s.r.IntN(6)}
	if s.r.IntN(2) == 0 {
		spec.WaitSlots = time.Minute
	}
	for _, id := range []mpi.PeerID{"self", "b", "c", "d"}[:1+s.r.IntN(4)] {
		s.nodes = append(s.nodes, &simulatedNode{id: id, slots: s.r.IntN(4)})
	}
	s.breaks = max(s.r.IntN(5)-1, 0)
	s.origin = newOrigin("self", mpi.JobID{Origin: "self"}, spec, mpi.Interpreter{Name: "prog"}, s.now)
	s.stepOrigin(begun{})
	return s
}

func (s *simulation) say(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *simulation) fail(t *testing.T, seed uint64, why string) {
	t.Helper()
	t.Fatalf("seed %d: %s\n%s", seed, why, strings.Join(s.log, "\n"))
}

func (s *simulation) free() (n int) {
	for _, x := range s.nodes {
		n += x.slots
	}
	return n
}

func (s *simulation) stepOrigin(e originEvent) {
	s.say("origin, %v: %T %+v", s.origin.phase, e, e)
	for _, a := range s.origin.step(s.now, e) {
		switch a := a.(type) {
		case happen, output:
			s.owed = append(s.owed, recordEvent{})
		case search:
			found := candidates{round: a.round}
			for _, n := range s.nodes {
				found.peers = append(found.peers, n.id)
			}
			s.owed = append(s.owed, found)
		case post:
			for _, n := range s.nodes {
				if n.id == a.to {
					n.in = append(n.in, a.f)
				}
			}
		}
	}
}

func (s *simulation) stepHost(n *simulatedNode, e hostEvent) {
	s.say("%s, %v: %T %+v", n.id, n.host.phase, e, e)
	h := n.host
	for _, a := range h.step(s.now, e) {
		switch a := a.(type) {
		case takeSlots:
			n.slots += n.reserved - a.ranks
			n.reserved = 0
		case freeSlots:
			n.slots += a.ranks
		case makeGroup:
			n.work = append(n.work, groupReady{})
		case startRanks:
			for _, r := range h.local {
				n.work = append(n.work, rankEnded{frame.Exit{Rank: uint32(r)}})
			}
			n.work = append(n.work, ranksEnded{})
		case freeGroup:
			n.work = append(n.work, groupGone{})
		case post:
			n.out = append(n.out, a.f)
		case leave:
			n.host = nil
		}
	}
}

// take takes a frame from the origin, as the service of the node does.
func (s *simulation) take(n *simulatedNode, f any) {
	switch f := f.(type) {
	case broken:
		if n.host != nil {
			s.stepHost(n, nodeLost{"self", "reset"})
		}
	case frame.Offer:
		answer := frame.Reservation{Reason: mpi.Busy}
		if n.host == nil {
			n.reserved = min(int(f.Ranks), n.slots)
			n.slots -= n.reserved
			answer = frame.Reservation{Ranks: uint32(n.reserved), Reason: mpi.NoSlots}
		}
		if answer.Ranks > 0 {
			all := func(mpi.PeerID) bool { return true }
			n.host = newHost(n.id, mpi.JobID{Origin: "self"}, n.reserved, all, s.now)
		}
		n.out = append(n.out, answer)
	case frame.JobFrame:
		if n.host != nil {
			s.stepHost(n, nodeEvent{"self", f})
			return
		}
		switch f.(type) {
		case frame.Stop:
			n.out = append(n.out, frame.Stopped{})
		case frame.Place, frame.Start:
			n.out = append(n.out, frame.Failed{Rank: -1, Reason: mpi.NoSlots})
		}
	}
}

// something does one of the things that are due. It is false if there are none.
func (s *simulation) something() bool {
	var due []func()
	if len(s.owed) > 0 {
		due = append(due, func() { s.stepOrigin(next(&s.owed)) })
	}
	for _, n := range s.nodes {
		if len(n.in) > 0 {
			due = append(due, func() { s.take(n, next(&n.in)) })
		}
		if len(n.out) > 0 {
			due = append(due, func() {
				if f, ok := next(&n.out).(frame.JobFrame); ok {
					s.stepOrigin(nodeEvent{n.id, f})
				} else {
					s.stepOrigin(nodeLost{n.id, "reset"})
				}
			})
		}
		if len(n.work) > 0 {
			due = append(due, func() { s.stepHost(n, next(&n.work)) })
		}
		if s.breaks > 0 && n.id != "self" && s.r.IntN(30) == 0 {
			due = append(due, func() { s.breakSession(n) })
		}
	}
	if len(due) == 0 {
		return false
	}
	due[s.r.IntN(len(due))]()
	return true
}

func next[E any](list *[]E) E {
	e := (*list)[0]
	*list = (*list)[1:]
	return e
}

// breakSession loses a part of what is under way in both directions.
func (s *simulation) breakSession(n *simulatedNode) {
	s.breaks--
	s.say("the session with %s breaks", n.id)
	n.in = append(n.in[:s.r.IntN(len(n.in)+1)], broken{})
	n.out = append(n.out[:s.r.IntN(len(n.out)+1)], broken{})
}

// timer lets time pass until the next timer of any. It is false if there is none.
func (s *simulation) timer() bool {
	timers := []time.Time{s.origin.wake()}
	for _, n := range s.nodes {
		if n.host != nil {
			timers = append(timers, n.host.wake())
		}
	}
	at := earliest(timers)
	if at.IsZero() {
		return false
	}
	s.now = at
	if is(s.origin.wake(), at) {
		s.stepOrigin(tick{})
	}
	for _, n := range s.nodes {
		if n.host != nil && is(n.host.wake(), at) {
			s.stepHost(n, tick{})
		}
	}
	return true
}
