package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// seat is a node as a job sees it: from its offer to its end there. The job's mutex guards it.
type seat struct {
	peer     mpi.PeerID
	answered bool       // the offer, or it cannot be
	came     int        // as the how many-th answer
	slots    int        // that the node keeps for us
	held     int        // that it keeps for others
	reason   mpi.Reason // there are no more
	why      string     // the same, for people
	unwatch  func()

	ranks    []int // placed here
	prepared bool
	stopped  bool // nothing of the job is left there, or nobody to ask
	gone     bool // lost
	exits    int  // said
	queued   int  // bytes of Output and Written in job.queue, with their overhead
	heard    int  // dealt with and not told yet
}

// Pauses between two rounds of offers.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 2 * time.Second
	heldRounds = 3 // more of them, without being told to wait, while slots may only be kept for others
)

// find asks nodes for slots until there are enough, and places the ranks.
func (j *job) find() error {
	j.state(mpi.JobFinding, fmt.Sprintf("looking for %d slots", j.record.Spec.Ranks))
	deadline := time.Now().Add(j.record.Spec.WaitSlots)
	pause := firstPause
	for round := 0; ; round++ {
		if err := j.offer(j.candidates(round)); err != nil {
			return err
		}
		j.mu.Lock()
		placed := j.place()
		lack, held := j.lack()
		why := j.lackReason()
		j.mu.Unlock()
		if placed {
			return nil
		}
		j.release()
		if time.Now().Add(pause).After(deadline) && (held == 0 || round >= heldRounds) {
			j.fail(mpi.JobCause{Rank: -1, Reason: why, Detail: lack})
			return j.ctx.Err()
		}
		if round == 0 || j.progress() != "waiting: "+lack {
			j.state(mpi.JobFinding, "waiting: "+lack)
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-j.ctx.Done():
			return j.ctx.Err()
		}
		pause = min(2*pause, lastPause)
	}
}

func (j *job) progress() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.record.Progress
}

// candidates are the nodes to ask: this one first, unless the job names others.
func (j *job) candidates(round int) []mpi.PeerID {
	spec, svc := &j.record.Spec, j.svc
	switch {
	case len(spec.Peers) > 0:
		return spec.Peers
	case j.alone():
		return []mpi.PeerID{svc.self}
	}
	list := j.pool()
	if len(list)+1 < spec.Ranks || round > 0 {
		ctx, cancel := context.WithTimeout(j.ctx, lookupTimeout)
		if _, asked := svc.cfg.Pools.Peers(j.program.CID); round > 0 || len(list) == 0 || asked.IsZero() || time.Since(svc.started) < youngView {
			if err := svc.cfg.Pools.Refresh(ctx, j.program.CID); err != nil {
				svc.log.Debug("search in the network", "pool", j.program, "err", err)
			}
			list = j.pool()
		}
		cancel()
	}
	rand.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
	if most := 2*spec.Ranks + 8 + 16*round; len(list) > most {
		list = list[:most]
	}
	return append([]mpi.PeerID{svc.self}, list...)
}

// alone reports whether the job fits on this node and need not go to others.
func (j *job) alone() bool {
	spec := &j.record.Spec
	return (spec.Ranks == 1 || spec.MapBy == mpi.BySlot) && j.svc.slots.total-j.svc.slots.count() >= spec.Ranks
}

// pool are the other nodes that may run the program: those that serve it; and if it goes by its CID alone, all that are known.
func (j *job) pool() []mpi.PeerID {
	svc := j.svc
	serving, _ := svc.cfg.Pools.Peers(j.program.CID)
	list := slices.Clone(serving)
	if cid, err := svc.cfg.Store.ParseCID(j.record.Spec.File); err == nil && cid == j.program.CID {
		for _, m := range svc.cfg.Pools.Known() {
			if !slices.Contains(list, m.Peer) {
				list = append(list, m.Peer)
			}
		}
	}
	return slices.DeleteFunc(list, func(p mpi.PeerID) bool { return p == svc.self })
}

// offer asks nodes for slots, and returns when they have answered or enough of them have.
func (j *job) offer(peers []mpi.PeerID) error {
	spec := &j.record.Spec
	seats := make([]*seat, len(peers))
	j.mu.Lock()
	for i, p := range peers {
		seats[i] = &seat{peer: p, unwatch: j.svc.watch(p)}
		j.seats[p] = seats[i]
	}
	j.mu.Unlock()
	f := frame.Offer{Job: j.id, Program: j.program.CID, Name: programName(j.program), Ranks: uint32(spec.Ranks), Memory: spec.Memory}
	for i, p := range peers {
		j.svc.post(p, f, func(err error) { j.decline(seats[i], err) })
	}
	ctx, cancel := context.WithTimeout(j.ctx, offerTimeout)
	defer cancel()
	enough := func() bool { return j.missing() == 0 || j.total() >= spec.Ranks && len(spec.Peers) == 0 }
	if j.await(ctx, enough) == nil {
		grace, cancel := context.WithTimeout(ctx, offerGrace)
		defer cancel()
		_ = j.await(grace, func() bool { return j.missing() == 0 })
	}
	return j.ctx.Err()
}

// decline notes that a node cannot be asked.
func (j *job) decline(s *seat, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !s.answered {
		s.answered, s.stopped, s.reason = true, true, unreachable(err)
		s.why = fmt.Sprintf("%s: %v", s.reason, err)
		j.notify()
	}
}

// The following three are called with mu held.

func (j *job) missing() int {
	n := 0
	for _, s := range j.seats {
		if !s.answered {
			n++
		}
	}
	return n
}

func (j *job) total() int {
	n := 0
	for _, s := range j.seats {
		n += s.slots
	}
	return n
}

// place gives each rank a node, if there are slots enough.
func (j *job) place() bool {
	spec, self := &j.record.Spec, j.svc.self
	if j.total() < spec.Ranks || len(spec.Peers) > 0 && j.seats[spec.Peers[0]].slots == 0 {
		return false
	}
	list := make([]*seat, 0, len(j.seats))
	for _, s := range j.seats {
		if s.slots > 0 {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *seat) int {
		switch {
		case len(spec.Peers) > 0:
			return slices.Index(spec.Peers, a.peer) - slices.Index(spec.Peers, b.peer)
		case a.peer == self:
			return -1
		case b.peer == self:
			return 1
		}
		return a.came - b.came
	})
	list = list[:min(len(list), frame.MaxJobNodes)]
	j.record.Ranks = make([]mpi.JobRank, 0, spec.Ranks)
	for lap := 0; len(j.record.Ranks) < spec.Ranks; lap++ {
		before := len(j.record.Ranks)
		for _, s := range list {
			for len(s.ranks) < s.slots && len(j.record.Ranks) < spec.Ranks {
				s.ranks = append(s.ranks, len(j.record.Ranks))
				j.record.Ranks = append(j.record.Ranks, mpi.JobRank{Peer: s.peer})
				if spec.MapBy != mpi.BySlot {
					break
				}
			}
		}
		if len(j.record.Ranks) == before { // more nodes than a job may have were needed
			j.record.Ranks = nil
			for _, s := range list {
				s.ranks = nil
			}
			return false
		}
	}
	for _, s := range list {
		if len(s.ranks) > 0 {
			j.order = append(j.order, s)
		}
	}
	j.left = spec.Ranks
	return true
}

// lack says what there is and what there is not, and how many slots may be free in a moment.
func (j *job) lack() (text string, held int) {
	var have, not []string
	for _, p := range j.known() {
		s := j.seats[p]
		name := p.Short()
		if p == j.svc.self {
			name = "this node"
		}
		if s.slots > 0 {
			have = append(have, fmt.Sprintf("%s %d", name, s.slots))
		}
		switch {
		case !s.answered:
			not = append(not, name+" did not answer")
		case s.slots == 0:
			not = append(not, name+" "+s.why)
		}
		held += s.held
	}
	ranks := "ranks"
	if j.record.Spec.Ranks == 1 {
		ranks = "rank"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s wanted, %d slots found", j.record.Spec.Ranks, ranks, j.total())
	if len(have) > 0 {
		b.WriteString(": " + strings.Join(have, ", "))
	}
	const most = 8
	if len(not) > most {
		not = append(not[:most], fmt.Sprintf("and %d more", len(not)-most))
	}
	if len(not) > 0 {
		b.WriteString("; " + strings.Join(not, "; "))
	}
	if len(j.seats) == 1 && len(j.record.Spec.Peers) == 0 && !j.alone() {
		b.WriteString("; no other node is known that may run it")
	}
	return b.String(), held
}

// lackReason is why there are too few slots: NoSlots if fewer ranks, or a later try, may do, or if a node gives a reason that is none;
// else why the first node gives none. mu is held.
func (j *job) lackReason() mpi.Reason {
	var first mpi.Reason
	for _, p := range j.known() {
		s := j.seats[p]
		why := s.reason
		switch {
		case !s.answered:
			why = mpi.Unreachable
		case s.slots > 0:
			return mpi.NoSlots
		}
		switch why {
		case mpi.Refused, mpi.NotServed, mpi.OutOfMemory, mpi.Unreachable, mpi.TimedOut, mpi.TooLarge:
			first = cmp.Or(first, why)
		default:
			return mpi.NoSlots
		}
	}
	return cmp.Or(first, mpi.NoSlots)
}

// known are the nodes that were asked, this one first, then by their ID. mu is held.
func (j *job) known() []mpi.PeerID {
	var list []mpi.PeerID
	for p := range j.seats {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b mpi.PeerID) int {
		switch {
		case a == j.svc.self:
			return -1
		case b == j.svc.self:
			return 1
		}
		return strings.Compare(string(a), string(b))
	})
	return list
}

// release gives up the slots of nodes that no rank is placed on.
func (j *job) release() {
	j.mu.Lock()
	var idle []*seat
	for p, s := range j.seats {
		if len(s.ranks) == 0 {
			idle = append(idle, s)
			delete(j.seats, p)
		}
	}
	j.mu.Unlock()
	for _, s := range idle {
		j.svc.post(s.peer, frame.Stop{Job: j.id, Detail: "the slots are not needed"}, nil)
		s.unwatch()
	}
}

// unreachable is why a node could not be asked.
func unreachable(err error) mpi.Reason {
	switch {
	case errors.Is(err, frame.ErrRefused):
		return mpi.Refused
	case errors.Is(err, frame.ErrTooLarge):
		return mpi.TooLarge
	case errors.Is(err, context.DeadlineExceeded):
		return mpi.TimedOut
	}
	return mpi.Unreachable
}
