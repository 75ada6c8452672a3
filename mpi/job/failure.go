package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// failure is a process that failed: a rank that did not exit with 0.
type failure struct {
	rank   int
	reason mpi.Reason
}

// endsJob is the policy of a job: whether the failure of one process ends it. Every failure does,
// but in a job with FT only MPI_Abort, or an error of MPI that the program does not handle, which
// calls it. The node of the process and the origin both ask, and no other code decides it.
func endsJob(f failure, ft bool) bool {
	return f.reason != "" && (!ft || f.reason == mpi.Aborted)
}

// survives reports whether the job goes on without processes that fail now. Before its ranks run
// there is nothing that could.
func (o *origin) survives() bool { return o.record.Spec.FT && o.phase == running }

// rankFailed takes that a rank has ended, and failed.
func (o *origin) rankFailed(c mpi.JobCause) {
	switch {
	case endsJob(failure{c.Rank, c.Reason}, o.record.Spec.FT):
		o.fail(c)
	case o.survives():
		o.loseRank(c)
		o.tell([]int{c.Rank}, c.Detail)
		o.allEnded()
	}
}

// nodeFailed takes that a node with ranks cannot go on: c is why, for a job that ends by it.
func (o *origin) nodeFailed(p *participant, c mpi.JobCause) {
	if o.replace(p, c.Detail) {
		return
	}
	if !o.survives() {
		o.fail(c)
		return
	}
	o.loseNode(p, c.Reason, "its node cannot go on: "+c.Detail)
}

// nodeLost takes that a node with ranks is lost.
func (o *origin) nodeLost(p *participant, why string) {
	if o.replace(p, why) {
		return
	}
	if !o.survives() {
		rank, detail := lostRanks(p, why)
		o.fail(mpi.JobCause{Rank: rank, Peer: p.peer, Reason: mpi.Lost, Detail: detail})
		return
	}
	o.loseNode(p, mpi.Lost, "its node was lost: "+firstLine(why))
}

// peerLost takes that a node has lost another one, which the origin may still hear. One of the two
// has to go. It is the one that was lost; but a node that loses a second one that the origin hears
// is the one that is cut off, or does not tell the truth.
func (o *origin) peerLost(p *participant, f frame.PeerLost) {
	other := o.nodes[f.Peer]
	if p.state != placed || p.failed || other == nil || other == p || other.failed || len(other.ranks) == 0 {
		return
	}
	if !o.unheard(other.peer) {
		if p.doubted && p.peer != o.self {
			other = p
		}
		p.doubted = true
	}
	o.nodeLost(other, f.Detail)
}

// blame has a node fail that says so, or that another one says it lost.
func (o *origin) blame(p *participant, f frame.Failed) {
	c := o.causeOf(p, f)
	spec := &o.record.Spec
	goesOn := o.survives() || o.phase == fetching && (spec.FT || spec.Spares > 0)
	if c.Peer != p.peer && !goesOn {
		o.accuse(p, o.nodes[c.Peer], f.Detail)
		return
	}
	if c.Peer != p.peer { // it was to say PeerLost, and has stopped its own ranks
		c.Rank, c.Peer, c.Detail = -1, p.peer, f.Detail
	}
	if o.survives() {
		c.Detail = f.Detail
	}
	o.nodeFailed(p, c)
}

// fail notes the first thing that went wrong and has the job end. It is false if something had gone
// wrong before, or all ranks have ended with 0. This is the only place that sets the cause.
func (o *origin) fail(c mpi.JobCause) bool {
	if o.cause != nil || o.ended && c.Reason != mpi.OutputLimit && c.Reason != mpi.DiskFull || o.phase == over {
		return false
	}
	if c.Exit == 0 {
		c.Exit = 1
	}
	o.cause = &c
	o.hurryUp()
	o.stop(c.Detail)
	return true
}

// failed takes that a node cannot go on. Only nodes with ranks can end the job by it; of one that
// was only asked it is a decline.
func (o *origin) failed(p *participant, f frame.Failed) {
	switch p.state {
	case asked, reserved:
		why := string(f.Reason)
		if f.Detail != "" {
			why += ": " + f.Detail
		}
		o.decline(p, f.Reason, why)
		o.spareLost(p, why)
	case placed:
		o.blame(p, f)
	}
}

// causeOf is what a node says made it give up. It may blame one of its ranks, or that it lost
// another node with ranks.
func (o *origin) causeOf(p *participant, f frame.Failed) mpi.JobCause {
	c := mpi.JobCause{
		Rank: -1, Peer: p.peer, Reason: cmp.Or(f.Reason, mpi.Internal), Detail: f.Detail, Exit: 1}
	if f.Rank >= 0 && slices.Contains(p.ranks, int(f.Rank)) {
		c.Rank = int(f.Rank)
	}
	if f.Reason == mpi.Stopping {
		c.Rank, c.Detail = lostRanks(p, f.Detail)
	}
	if other := o.nodes[f.Peer]; f.Reason == mpi.Lost && other != nil && len(other.ranks) > 0 {
		c.Peer = f.Peer
		c.Rank, c.Detail = lostRanks(other, f.Detail)
	}
	return c
}

// lose takes that the session with a node is lost.
func (o *origin) lose(peer mpi.PeerID, why string) {
	p := o.nodes[peer]
	if p == nil {
		return
	}
	o.forgetSilences(peer)
	switch p.state {
	case releasing:
		o.released(p)
	case asked, reserved, declined:
		if o.phase == asking {
			o.decline(p, mpi.Unreachable, fmt.Sprintf("%s: %s", mpi.Unreachable, why))
		}
		p.state = gone
		o.spareLost(p, why)
	case placed:
		p.state = gone
		o.nodeLost(p, why)
	}
}

// unsent takes that a frame to a node will never be sent.
func (o *origin) unsent(e unsent) {
	p := o.nodes[e.peer]
	switch {
	case p == nil:
	case e.offer < 0:
		o.lose(e.peer, e.why)
	case p.state == asked && p.round == e.offer:
		o.decline(p, e.reason, fmt.Sprintf("%s: %s", e.reason, e.why))
		p.state = gone
	}
}

// lostRanks is the rank that went with a node, or -1 for several, and what to say of it.
func lostRanks(p *participant, why string) (rank int, detail string) {
	why = firstLine(why)
	if len(p.ranks) == 1 {
		return p.ranks[0], fmt.Sprintf("with it went rank %d: %s", p.ranks[0], why)
	}
	const most = 16
	var list []string
	for i, r := range p.ranks {
		if i == most {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprint(r))
	}
	return -1, fmt.Sprintf("with it went ranks %s: %s", strings.Join(list, ", "), why)
}

// firstLine is what to show of an error: libp2p lists every address.
func firstLine(why string) string {
	why, _, _ = strings.Cut(why, "\n")
	return why
}
