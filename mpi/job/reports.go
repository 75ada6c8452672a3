package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// prepare tells the nodes with ranks what to run.
func (o *origin) prepare() {
	spec := &o.record.Spec
	on := "this node"
	if len(o.order) > 1 || o.order[0].peer != o.self {
		on = fmt.Sprintf("%d nodes", len(o.order))
	}
	if spec.Spares == 0 {
		o.universe = o.total()
	} else {
		on += fmt.Sprintf(", with %d of %d spare slots", o.record.SpareSlots(), spec.Spares)
	}
	o.phase = fetching
	o.state(mpi.JobFetching, fmt.Sprintf("preparing %s on %s", programName(o.program), on))
	if spec.Timeout > 0 {
		o.arm(limitTimer, spec.Timeout)
	}
	o.arm(fetchTimer, fetchTimeout+o.grace())
	o.tellSilences()
	f := o.placeFrame()
	for _, p := range o.order {
		p.owes = 1
		o.tellGrace(p)
		o.post(p.peer, f)
	}
}

// placeFrame is what the nodes with ranks are to run.
func (o *origin) placeFrame() frame.Place {
	spec := &o.record.Spec
	f := frame.Place{
		Job: o.id, Args: append([]string{programName(o.program)}, spec.Args...), Env: spec.Environ(),
		Memory: spec.Memory, Timeout: spec.Timeout, Slots: uint32(o.universe), Stdin: spec.Stdin, Check: spec.CheckCalls,
		FT: spec.FT, Spares: spec.Spares > 0,
		Ranks: make([]uint32, spec.Ranks),
	}
	for i, p := range o.order {
		f.Nodes = append(f.Nodes, p.peer)
		for _, r := range p.ranks {
			f.Ranks[r] = uint32(i)
		}
	}
	return f
}

// start starts all ranks once all nodes are prepared.
func (o *origin) start() {
	if n := o.prepared(); n < len(o.order) {
		o.state(mpi.JobFetching, fmt.Sprintf("%d of %d nodes are prepared", n, len(o.order)))
		return
	}
	o.phase = running
	o.timers[fetchTimer] = time.Time{}
	o.state(mpi.JobRunning, "")
	for _, p := range o.order {
		o.post(p.peer, frame.Start{Job: o.id})
	}
	o.lookLater()
	o.sendInput()
}

// prepared is how many nodes are.
func (o *origin) prepared() int {
	n := 0
	for _, p := range o.order {
		if p.prepared {
			n++
		}
	}
	return n
}

// hear takes what a node says. What does not fit its state is dropped.
func (o *origin) hear(from mpi.PeerID, f frame.JobFrame) {
	p := o.nodes[from]
	if p == nil {
		return
	}
	switch f := f.(type) {
	case frame.Reservation:
		switch {
		case p.state == asked && o.phase == asking:
			o.answered(p, f)
		case p.state == gone && f.Ranks > 0:
			// The offer came to it on the session after the one that was lost.
			o.release(p, "the slots are not needed")
		}
	case frame.Prepared:
		if p.state == placed && o.phase == fetching && p.owes > 0 {
			p.owes--
			if p.prepared = p.owes == 0; p.prepared {
				o.start()
			}
		}
	case frame.Failed:
		o.failed(p, f)
	case frame.PeerLost:
		o.peerLost(p, f)
	case frame.Stopped:
		o.stopped(p)
	case frame.InputCredit:
		if f.Bytes > 0 && slices.Contains(p.ranks, 0) {
			o.input -= min(o.input, f.Bytes)
			o.sendInput()
		}
	case frame.Silence:
		o.remark(p, f)
	case frame.Standing:
		o.stands(p, f)
	case frame.Exit:
		if o.hasRank(p, f.Rank) {
			o.exited(p, f)
		}
	case frame.Output:
		if o.hasRank(p, f.Rank) {
			o.takeOutput(p, f, len(f.Data))
		}
	case frame.FileChunk:
		if o.hasRank(p, f.Rank) {
			o.takeOutput(p, f, len(f.Data))
		}
	}
}

// hasRank reports whether a rank that may run, or have run, is on a node.
func (o *origin) hasRank(p *participant, rank uint32) bool {
	return (o.phase == running || o.phase == stopping) && slices.Contains(p.ranks, int(rank))
}

// stopped takes that nothing of the job is left on a node.
func (o *origin) stopped(p *participant) {
	switch p.state {
	case releasing:
		o.released(p)
	case reserved:
		if o.phase == asking {
			o.decline(p, mpi.NoSlots, string(mpi.NoSlots)+": it kept them no longer")
		} else {
			p.state = stopped
			o.spareLost(p, "it does not keep them")
		}
	case placed:
		p.state = stopped
		if o.phase >= stopping || o.accuses(p) { // it has said why
			return
		}
		if p.exits == len(p.ranks) { // its patience is over, not the job
			o.looked()
			return
		}
		c := mpi.JobCause{Rank: -1, Peer: p.peer, Reason: mpi.NoSlots,
			Detail: "the node has not kept its slots so long"}
		if p.prepared {
			c.Reason, c.Detail = mpi.Lost, "the node has ended its ranks and does not say why"
		}
		o.nodeFailed(p, c)
	}
}

// exited takes the end of a rank.
func (o *origin) exited(p *participant, f frame.Exit) {
	if o.exits[int(f.Rank)] {
		return // said twice, or it is known to have failed
	}
	o.exits[int(f.Rank)] = true
	p.exits++
	r := &o.record.Ranks[f.Rank]
	r.Memory, r.Waits = f.Memory, nil
	code := int(f.Code)
	if f.Reason == "" {
		code = 0
	}
	if f.Reason == "" || f.Reason == mpi.Exited || f.Reason == mpi.Aborted { // by itself
		r.Exit = &code
		o.happen(mpi.JobEvent{Type: mpi.EventExit, Rank: int(f.Rank), Exit: code}, false)
	}
	if f.Reason != "" {
		o.rankFailed(mpi.JobCause{
			Rank: int(f.Rank), Peer: p.peer, Reason: f.Reason, Detail: f.Detail, Exit: int(f.Code)})
		return
	}
	o.left--
	o.allEnded()
}

// takeOutput gives the recorder what a rank wrote, within the window of its node.
func (o *origin) takeOutput(p *participant, f frame.JobFrame, n int) {
	n += frame.OutputCost
	if p.queued+n > frame.OutputWindow {
		o.nodeFailed(p, mpi.JobCause{Rank: -1, Peer: p.peer, Reason: mpi.Internal,
			Detail: "the node sends more output than it may"})
		return
	}
	p.queued += n
	o.pending++
	o.do(output{p.peer, f})
}

// recorded takes that the recorder has dealt with an item, and returns the credit for output from
// time to time.
func (o *origin) recorded(e recordEvent) {
	o.pending--
	switch {
	case e.reason == mpi.DiskFull: // it is this node's disk, whoever wrote
		o.fail(mpi.JobCause{Rank: -1, Peer: o.self, Reason: e.reason, Detail: e.err})
	case e.reason != "":
		o.fail(mpi.JobCause{Rank: e.rank, Peer: e.from, Reason: e.reason, Detail: e.err})
	}
	p := o.nodes[e.from]
	if p == nil {
		return
	}
	n := e.n + frame.OutputCost
	p.queued -= n
	if p.uncredit += n; p.uncredit >= frame.OutputWindow/4 {
		if p.state == placed {
			o.post(p.peer, frame.OutputCredit{Job: o.id, Bytes: int64(p.uncredit)})
		}
		p.uncredit = 0
	}
}

// sendInput sends the part of standard input that waits once there is room for it at rank 0. After
// its end nothing is sent: a client can be gone before it hears that the end was.
func (o *origin) sendInput() {
	w := o.waiting
	switch {
	case w == nil:
		return
	case o.closed || o.noMore:
		o.do(inputSent{turn: w.turn})
	case o.phase == running && o.input+int64(len(w.data)) <= frame.InputWindow:
		o.input += int64(len(w.data))
		at := slices.IndexFunc(o.order, func(p *participant) bool { return slices.Contains(p.ranks, 0) })
		o.post(o.order[at].peer, frame.Input{Job: o.id, Data: w.data})
		o.noMore = len(w.data) == 0
		o.do(inputSent{turn: w.turn, ok: true, end: o.noMore})
	default:
		return
	}
	o.waiting = nil
}
