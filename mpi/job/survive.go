package job

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// A job with FT survives its processes: those that fail are noted, and all nodes with ranks are
// told of them. The origin alone says who has failed, so all of them agree. failure.go decides
// whether a failure is one of those.

// loseRank notes that a rank has failed. It has ended, for all that the origin is concerned.
func (o *origin) loseRank(c mpi.JobCause) {
	if c.Exit == 0 {
		c.Exit = 1
	}
	if o.first == nil {
		o.first = &c
	}
	o.left--
	r := &o.record.Ranks[c.Rank]
	r.Waits, r.Failed = nil, &mpi.RankFailure{Reason: c.Reason, Detail: c.Detail}
	o.happen(mpi.JobEvent{Type: mpi.EventRankFailed, Rank: c.Rank, Cause: &c}, true)
	if c.Rank == 0 {
		o.endInput()
	}
}

// loseNode notes that the ranks of a node have failed that have not ended, tells the others, and
// has the node end what it still runs, should it hear of it.
func (o *origin) loseNode(p *participant, reason mpi.Reason, why string) {
	if p.failed {
		return
	}
	p.failed = true
	o.noteSilences() // nobody waits for it any more
	for _, r := range p.ranks {
		if o.exits[r] {
			continue
		}
		o.exits[r] = true
		p.exits++
		o.loseRank(mpi.JobCause{Rank: r, Peer: p.peer, Reason: reason, Detail: why})
	}
	o.post(p.peer, frame.Stop{Job: o.id, Detail: "the job goes on without this node"})
	// Also of those that have ended: what they sent last may never come.
	o.tell(p.ranks, why)
	o.allEnded()
	if o.phase == running {
		o.looked() // it may be the one whose answer is missing
	}
}

// tell tells the nodes that go on which ranks have failed.
func (o *origin) tell(ranks []int, why string) {
	f := frame.RanksFailed{Job: o.id, Detail: why}
	for _, r := range ranks {
		f.Ranks = append(f.Ranks, uint32(r))
	}
	for _, p := range o.order {
		if p.state == placed && !p.failed {
			o.post(p.peer, f)
		}
		p.standing.final = false
	}
	// Rounds of Look that were asked before do not count together with those after.
	o.quiet, o.void = false, o.looking
}

// allEnded ends the job if no rank is left: well if one has ended with 0, even if a node is lost
// while the recorder still deals with the output; else by the first failure.
func (o *origin) allEnded() {
	if o.left > 0 || o.phase != running {
		return
	}
	if o.first != nil && o.record.FailedRanks() == len(o.record.Ranks) {
		c := *o.first
		c.Detail = fmt.Sprintf("all ranks have failed, the first: %s", c.Detail)
		o.fail(c)
		return
	}
	o.ended = true
	o.stop("the job is over")
}

// goesOn reports whether the ranks here go on when another node is lost, as far as this node is
// concerned. Once they have ended it does not look any more.
func (h *host) goesOn() bool {
	switch h.phase {
	case preparing, ready:
		return h.place.FT || h.place.Spares
	case executing:
		return h.place.FT
	}
	return false
}

// miss tells the origin that a node of the job is lost, once. Whose ranks have failed by that is
// the origin's to say.
func (h *host) miss(peer mpi.PeerID, why string) {
	if h.aborted || h.missed[peer] {
		return
	}
	if h.missed == nil {
		h.missed = map[mpi.PeerID]bool{}
	}
	h.missed[peer] = true
	h.post(frame.PeerLost{Job: h.id, Peer: peer, Detail: why})
}

// broke takes that a node of the job breaks the protocol.
func (h *host) broke(e peerBroke) {
	if h.goesOn() {
		h.miss(e.peer, e.why)
		return
	}
	h.fail(frame.Failed{Rank: -1, Reason: mpi.Internal, Detail: e.why})
}
