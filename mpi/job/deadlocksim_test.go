package job

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// hangs is a job of ranks that send to each other and wait by chance, on nodes whose sessions
// break and are resumed: what goes from one node to another comes in order, at any time.
type hangs struct {
	r      *rand.Rand
	now    time.Time
	origin *origin
	nodes  []*hangsNode
	queues [][]func() // of a session, one way: what the other side does with each frame
	broken []int      // for so many steps nothing comes by a session
	ranks  []*hangsRank
	budget int // a rank sends fewer messages
	looked int
}

// hangsNode is a node.
type hangsNode struct {
	host      *host
	group     []*hangsRank
	started   bool
	asked     bool // what the ranks do
	sent, got uint64
	epoch     uint64
	left      int
}

type hangsRank struct {
	rank, node    int
	waits, ended  bool
	mail, budget  int // messages that it did not receive, and that it may still send
	may           int // messages that it sends soon, for those that it received
	neverReceives bool
}

func newHangs(seed uint64, nodes, each int) *hangs {
	s := &hangs{budget: []int{3, 12, 400}[seed%3], r: rand.New(rand.NewPCG(seed, 3)), now: time.Unix(1e9, 0)}
	s.origin = newOrigin("n0", mpi.JobID{Origin: "n0"}, mpi.JobSpec{File: "prog", Ranks: nodes * each}, mpi.Interpreter{Name: "prog"}, s.now)
	for range nodes {
		s.nodes = append(s.nodes, &hangsNode{})
	}
	s.queues, s.broken = make([][]func(), (nodes+1)*(nodes+1)), make([]int, (nodes+1)*(nodes+1))
	s.step(begun{})
	return s
}

func (s *hangs) send(from, to int, f func()) {
	q := from*(len(s.nodes)+1) + to
	s.queues[q] = append(s.queues[q], f)
}

// The origin's end of sessions with hosts.
func (s *hangs) origins() int { return len(s.nodes) }

func (s *hangs) step(e originEvent) {
	for _, a := range s.origin.step(s.now, e) {
		switch a := a.(type) {
		case search:
			var peers []mpi.PeerID
			for i := range s.nodes {
				peers = append(peers, mpi.PeerID(fmt.Sprintf("n%d", i)))
			}
			defer s.step(candidates{round: a.round, peers: peers})
		case happen:
			defer s.step(recordEvent{})
		case post:
			var to int
			fmt.Sscanf(string(a.to), "n%d", &to)
			s.send(s.origins(), to, func() { s.hears(to, a.f) })
		}
	}
}

// hears is what a host does with a frame of the origin.
func (s *hangs) hears(to int, f frame.JobFrame) {
	n := s.nodes[to]
	self := mpi.PeerID(fmt.Sprintf("n%d", to))
	if _, ok := f.(frame.Offer); ok {
		each := s.origin.record.Spec.Ranks / len(s.nodes)
		n.host = newHost(self, mpi.JobID{Origin: "n0"}, each, func(mpi.PeerID) bool { return true }, s.now)
		s.answer(to, frame.Reservation{Ranks: uint32(each)})
		return
	}
	s.host(to, nodeEvent{"n0", f})
}

func (s *hangs) answer(from int, f frame.JobFrame) {
	self := mpi.PeerID(fmt.Sprintf("n%d", from))
	s.send(from, s.origins(), func() { s.step(nodeEvent{self, f}) })
}

func (s *hangs) host(i int, e hostEvent) {
	n := s.nodes[i]
	for _, a := range n.host.step(s.now, e) {
		switch a := a.(type) {
		case post:
			s.answer(i, a.f)
		case makeGroup:
			for _, r := range n.host.local {
				x := &hangsRank{rank: r, node: i, budget: s.r.IntN(s.budget), neverReceives: s.r.IntN(6) == 0}
				n.group, s.ranks = append(n.group, x), append(s.ranks, x)
			}
			n.left = len(n.group)
			defer s.host(i, groupReady{})
		case startRanks:
			n.started = true
		case look:
			n.asked = true
		}
	}
}

// act is a moment of a rank.
func (s *hangs) act(x *hangsRank) {
	n := s.nodes[x.node]
	if x.ended || x.waits || !n.started {
		return
	}
	switch k := s.r.IntN(4); {
	case k < 2 && x.budget > 0 && (x.may > 0 || s.r.IntN(50) == 0):
		x.budget--
		x.may = max(x.may-1, 0)
		to := s.ranks[s.r.IntN(len(s.ranks))]
		if to.node == x.node {
			s.arrive(to)
			return
		}
		n.sent++
		s.send(x.node, to.node, func() {
			s.arrive(to)
			s.nodes[to.node].got++
		})
	case k == 2 && (x.budget == 0 || x.neverReceives && s.r.IntN(50) == 0) && s.r.IntN(3) == 0:
		x.ended = true
		n.epoch += 2
		s.host(x.node, rankEnded{frame.Exit{Rank: uint32(x.rank)}})
		if n.left--; n.left == 0 {
			s.host(x.node, ranksEnded{})
		}
	case k == 3 && x.mail > 0:
		x.mail--
		x.may++
	case k == 3 && !x.neverReceives:
		x.waits = true
		n.epoch++
	}
}

func (s *hangs) arrive(x *hangsRank) {
	if x.waits {
		x.waits = false
		x.may++
		s.nodes[x.node].epoch++
		return
	}
	x.mail++
}

// stand answers a Look of a node, at a moment by chance.
func (s *hangs) stand(i int) {
	n := s.nodes[i]
	if !n.asked {
		return
	}
	n.asked = false
	s.looked++
	st := exec.Standing{Idle: n.started, Sent: n.sent, Got: n.got, Epoch: n.epoch}
	for _, x := range n.group {
		st.Idle = st.Idle && (x.ended || x.waits)
		if x.waits {
			st.Waits = append(st.Waits, exec.RankWait{Rank: x.rank, RankWait: mpi.RankWait{Call: "MPI_Recv"}})
		}
	}
	s.host(i, stood{st})
}

// deadlocked reports whether it is so: all ranks wait, or have ended, and no message is under way.
func (s *hangs) deadlocked() bool {
	waiting, got, sent := 0, uint64(0), uint64(0)
	for _, n := range s.nodes {
		got, sent = got+n.got, sent+n.sent
		if !n.started {
			return false
		}
	}
	for _, x := range s.ranks {
		if !x.ended && !x.waits {
			return false
		}
		if x.waits {
			waiting++
		}
	}
	return waiting > 0 && got == sent
}

// run is one step by chance.
func (s *hangs) run() {
	if s.origin.phase == running { // until then timers would end the job
		s.now = s.now.Add(time.Duration(s.r.IntN(20)) * time.Millisecond)
	}
	if at := s.origin.wake(); !at.IsZero() && !s.now.Before(at) {
		s.step(tick{})
	}
	for i, n := range s.nodes {
		if n.host != nil && is(n.host.lookAt, s.now) {
			n.host.expiry = time.Time{} // its patience is not what this is about
			s.host(i, tick{})
		}
	}
	switch s.r.IntN(4) {
	case 0, 1:
		q := s.r.IntN(len(s.queues))
		switch {
		case s.broken[q] > 0:
			s.broken[q]--
		case len(s.queues[q]) > 0 && s.r.IntN(30) == 0:
			s.broken[q] = s.r.IntN(60)
		case len(s.queues[q]) > 0:
			f := s.queues[q][0]
			s.queues[q] = s.queues[q][1:]
			f()
		}
	case 2:
		if len(s.ranks) > 0 {
			s.act(s.ranks[s.r.IntN(len(s.ranks))])
		}
	case 3:
		s.stand(s.r.IntN(len(s.nodes)))
	}
}

// Whatever ranks do, and however long frames and packets are under way, a job is said to be
// deadlocked only if it is, and then it always is said.
func TestDeadlockSimulation(t *testing.T) {
	found, well, looked := 0, 0, 0
	for seed := range uint64(600) {
		s := newHangs(seed, 1+int(seed%4), 1+int(seed/4%3))
		for steps := 0; s.origin.phase < stopping; steps++ {
			if steps == 1_000_000 {
				t.Fatalf("seed %d: it is %v and does not end; deadlocked: %v", seed, s.origin.phase, s.deadlocked())
			}
			if s.run(); !s.origin.ended && s.origin.cause != nil {
				if s.origin.cause.Reason != mpi.Deadlock || !s.deadlocked() {
					t.Fatalf("seed %d: %+v, and deadlocked: %v", seed, *s.origin.cause, s.deadlocked())
				}
				found++
			}
		}
		if s.origin.ended {
			well++
		}
		looked += s.looked
	}
	if found < 100 || well < 20 {
		t.Errorf("%d deadlocks were found and %d jobs ended well: the simulation says little", found, well)
	}
	t.Logf("%d deadlocks, %d good ends, %d answers", found, well, looked)
}
