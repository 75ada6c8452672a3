package job

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	pauses "github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// offerPauses are the pauses between two rounds of offers.
var offerPauses = pauses.Policy{First: 250 * time.Millisecond, Max: 2 * time.Second}

// heldRounds is how many more rounds of offers a job that does not wait for slots has, while too
// many are reserved for other jobs.
const heldRounds = 3

// ask begins a round of offers.
func (o *origin) ask(c candidates) {
	if o.phase != searching || c.round != o.round {
		return
	}
	o.phase, o.alone = asking, c.alone
	for _, peer := range c.peers {
		p := o.nodes[peer]
		if p == nil || p.state == gone {
			p = &participant{peer: peer}
			o.nodes[peer] = p
		}
		p.round = o.round
		if p.state == releasing { // it is offered the job again once it has ended the last offer
			p.wanted = true
			continue
		}
		o.offer(p)
	}
	o.began = o.now
	o.arm(offerTimer, offerTimeout)
}

func (o *origin) offer(p *participant) {
	*p = participant{peer: p.peer, round: o.round}
	o.do(post{p.peer, frame.Offer{
		Job: o.id, Program: o.program.CID, Name: programName(o.program),
		Ranks: uint32(o.wanted()), Memory: o.record.Spec.Memory,
		FT: o.record.Spec.FT, Spares: o.record.Spec.Spares > 0,
	}, o.round})
}

// answered takes a node's answer to an offer.
func (o *origin) answered(p *participant, f frame.Reservation) {
	for _, x := range o.nodes {
		if x.state == reserved || x.state == declined {
			p.came++
		}
	}
	p.slots, p.held = min(int(f.Ranks), o.wanted()), int(f.Held)
	why := string(f.Reason)
	if f.Detail != "" {
		why += ": " + f.Detail
	}
	if p.slots > 0 {
		p.state, p.reason, p.why = reserved, f.Reason, why
	} else {
		o.decline(p, f.Reason, why)
	}
}

// decline notes that a node has no slots for the job.
func (o *origin) decline(p *participant, reason mpi.Reason, why string) {
	p.state, p.slots, p.reason, p.why = declined, 0, reason, why
}

// enough ends a round when all nodes have answered, or when there are slots enough: soon after
// that.
func (o *origin) enough() {
	if !slices.ContainsFunc(o.inRound(), func(p *participant) bool { return p.state == asked || p.wanted }) {
		o.conclude()
		return
	}
	spec := &o.record.Spec
	if o.total() >= o.wanted() && len(spec.Peers) == 0 && o.timers[graceTimer].IsZero() {
		o.arm(graceTimer, offerGrace)
	}
}

// wanted is how many slots the job asks for.
func (o *origin) wanted() int { return o.record.Spec.Ranks + o.record.Spec.Spares }

// total is how many slots are reserved.
func (o *origin) total() int {
	n := 0
	for _, p := range o.nodes {
		n += p.slots
	}
	return n
}

// conclude ends a round: with all ranks placed, or a pause, or the end of the job.
func (o *origin) conclude() {
	if o.phase != asking {
		return
	}
	o.timers[offerTimer], o.timers[graceTimer] = time.Time{}, time.Time{}
	if o.place() {
		o.releaseIdle()
		o.prepare()
		return
	}
	lack, held := o.lack()
	why, silent := o.lackReason(), o.awaitsSilent()
	o.releaseIdle()
	o.phase = pausing
	if o.alone { // it was not asked of other nodes yet
		o.nextRound()
		return
	}
	if o.now.Add(o.pause).After(o.deadline) && (held == 0 || o.round >= heldRounds) && !silent {
		o.fail(mpi.JobCause{Rank: -1, Reason: why, Detail: lack})
		return
	}
	if o.round == 0 || o.record.Progress != "waiting: "+lack {
		o.state(mpi.JobFinding, "waiting: "+lack)
	}
	o.arm(pauseTimer, o.pause/2+o.jitter(o.pause))
	o.pause = offerPauses.Next(o.pause)
}

// awaitsSilent reports whether a node may yet answer that was asked in this round: it is silent,
// and not for longer than the grace.
func (o *origin) awaitsSilent() bool {
	return slices.ContainsFunc(o.inRound(), func(p *participant) bool { return o.unanswered(p) && o.unheard(p.peer) })
}

// offersAgain gives a node that is back the time to answer, but no longer than what others have
// reserved meanwhile is kept.
func (o *origin) offersAgain(peer mpi.PeerID) {
	if p := o.nodes[peer]; o.phase == asking && p != nil && o.unanswered(p) {
		o.timers[offerTimer] = earliest([]time.Time{o.now.Add(offerTimeout), o.began.Add(2 * offerTimeout)})
	}
}

// unanswered reports whether a node has not answered in this round.
func (o *origin) unanswered(p *participant) bool { return p.state == asked || p.wanted }

// nextRound begins the search for another round of offers.
func (o *origin) nextRound() {
	o.round++
	o.phase = searching
	o.do(search{o.round})
}

// place gives each rank a node, if there are slots enough.
func (o *origin) place() bool {
	spec := &o.record.Spec
	if o.total() < spec.Ranks || len(spec.Peers) > 0 && o.nodes[spec.Peers[0]].slots == 0 {
		return false
	}
	list := slices.DeleteFunc(o.known(), func(p *participant) bool { return p.slots == 0 })
	slices.SortFunc(list, func(a, b *participant) int {
		switch {
		case len(spec.Peers) > 0:
			return slices.Index(spec.Peers, a.peer) - slices.Index(spec.Peers, b.peer)
		case a.peer == o.self:
			return -1
		case b.peer == o.self:
			return 1
		}
		return a.came - b.came
	})
	var spare []*participant
	if spec.Spares > 0 {
		list, spare = o.spareNodes(list)
		kept := 0
		for _, p := range spare {
			kept += p.slots
		}
		o.universe = spec.Ranks + min(kept, spec.Spares)
		// there may be more in a moment
		if kept < spec.Spares && !o.now.Add(o.pause).After(o.deadline) {
			return false
		}
	}
	list = list[:min(len(list), frame.MaxJobNodes)]
	ranks := make([]mpi.JobRank, 0, spec.Ranks)
	for lap := 0; len(ranks) < spec.Ranks; lap++ {
		before := len(ranks)
		for _, p := range list {
			for len(p.ranks) < p.slots && len(ranks) < spec.Ranks {
				p.ranks = append(p.ranks, len(ranks))
				ranks = append(ranks, mpi.JobRank{Peer: p.peer})
				if spec.MapBy != mpi.BySlot {
					break
				}
			}
		}
		if len(ranks) == before { // more nodes than a job may have were needed
			for _, p := range list {
				p.ranks = nil
			}
			return false
		}
	}
	for _, p := range list {
		if len(p.ranks) > 0 {
			p.state = placed
			o.order = append(o.order, p)
		}
	}
	o.record.Ranks, o.left = ranks, spec.Ranks
	o.keepSpares(spare)
	return true
}

// releaseIdle gives up the slots of nodes that no rank is placed on.
func (o *origin) releaseIdle() {
	for _, p := range o.known() {
		switch {
		case p.state == gone:
			if p.round == o.round {
				o.do(forget{p.peer})
			}
		case p.state != placed && p.state != releasing && !p.spare:
			o.release(p, "the slots are not needed")
		}
		p.wanted = false
	}
}

// release has a node forget an offer. Until it says so, what it says is of that offer.
func (o *origin) release(p *participant, detail string) {
	p.state, p.had, p.slots = releasing, p.slots > 0, 0
	o.post(p.peer, frame.Stop{Job: o.id, Detail: detail})
}

// released takes the answer to that, or that there will be none.
func (o *origin) released(p *participant) {
	if p.wanted && o.phase == asking {
		o.offer(p)
		return
	}
	p.state = gone
	o.do(forget{p.peer})
}

// lack says what there is and what there is not, and how many slots may be free in a moment.
func (o *origin) lack() (text string, held int) {
	var have, not []string
	for _, s := range o.inRound() {
		name := s.peer.Short()
		if s.peer == o.self {
			name = "this node"
		}
		if s.slots > 0 {
			have = append(have, fmt.Sprintf("%s %d", name, s.slots))
		}
		switch {
		case o.unanswered(s) && o.unheard(s.peer):
			not = append(not, name+" says nothing")
		case o.unanswered(s):
			not = append(not, name+" did not answer")
		case s.slots == 0:
			not = append(not, name+" "+s.why)
		}
		held += s.held
	}
	ranks := "ranks"
	if o.record.Spec.Ranks == 1 {
		ranks = "rank"
	}
	if n := o.record.Spec.Spares; n > 0 {
		ranks += fmt.Sprintf(" and %d spare slots", n)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s wanted, %d slots found", o.record.Spec.Ranks, ranks, o.total())
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
	if len(o.inRound()) == 1 && len(o.record.Spec.Peers) == 0 && !o.alone {
		b.WriteString("; no other node is known that may run it")
	}
	return b.String(), held
}

// lackReason is why there are too few slots: NoSlots if fewer ranks, or a later try, may do, or if
// a node gives a reason that is none; else why the first node gives none.
func (o *origin) lackReason() mpi.Reason {
	var first mpi.Reason
	for _, s := range o.inRound() {
		why := s.reason
		switch {
		case o.unanswered(s):
			why = mpi.Unreachable
		case s.slots > 0:
			return mpi.NoSlots
		}
		switch why {
		case mpi.Refused, mpi.NotServed, mpi.OutOfMemory, mpi.Unreachable, mpi.TimedOut, mpi.TooLarge, mpi.Stopping, mpi.OtherVersion:
			first = cmp.Or(first, why)
		default:
			return mpi.NoSlots
		}
	}
	return cmp.Or(first, mpi.NoSlots)
}

// known are the nodes of the job, this one first, then by their ID.
func (o *origin) known() []*participant {
	list := slices.Collect(maps.Values(o.nodes))
	slices.SortFunc(list, func(a, b *participant) int {
		switch {
		case a.peer == o.self:
			return -1
		case b.peer == o.self:
			return 1
		}
		return strings.Compare(string(a.peer), string(b.peer))
	})
	return list
}

// inRound are those of them that this round asks.
func (o *origin) inRound() []*participant {
	return slices.DeleteFunc(o.known(), func(p *participant) bool { return p.round != o.round })
}
