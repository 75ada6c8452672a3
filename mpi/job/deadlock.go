package job

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// What ranks wait for, and that all of them do for each other. The origin asks all nodes with ranks
// now and then. This is Mattern's method of four counters: a round of answers may be of moments at
// which some ranks ran, so one round is no proof. If a second round, asked after all have answered
// the first, finds each node as it was, then no rank ran between: at one moment, between the
// rounds, all ranks waited, and as many packets were sent as were dealt with. None was under way.

// lookPause is the time between two rounds of a job with few ranks.
const lookPause = 250 * time.Millisecond

// standing is what a node answered last.
type standing struct {
	asked     bool // and has not answered
	idle      bool
	sent, got uint64
	epoch     uint64
	// ended: all ranks of the node had when it was asked. final: it answered so that it is idle.
	ended, final bool
}

// lookLater has the next round begin after a pause, longer for more ranks.
func (o *origin) lookLater() {
	o.arm(lookTimer, lookPause*time.Duration(min(1+o.record.Spec.Ranks/64, 8)))
}

// look begins a round.
func (o *origin) look() {
	if o.phase != running {
		return
	}
	o.looks++
	o.looking = true
	for _, p := range o.order {
		if p.state == placed && !p.failed {
			p.standing.asked, p.standing.ended = true, p.exits == len(p.ranks)
			o.post(p.peer, frame.Look{Job: o.id, Round: o.looks})
		}
	}
}

// stands takes an answer.
func (o *origin) stands(p *participant, f frame.Standing) {
	if o.phase != running || p.state != placed || !p.standing.asked || f.Round != o.looks {
		return
	}
	was := p.standing
	now := standing{idle: f.Idle, sent: f.Sent, got: f.Got, epoch: f.Epoch, final: f.Idle && was.ended}
	if was.idle != now.idle || was.sent != now.sent || was.got != now.got || was.epoch != now.epoch {
		o.moved = true
	}
	p.standing = now
	o.note(p, f.Waits)
	o.looked()
}

// looked ends the round if no answer is missing. A node whose ranks have all ended may have left
// the job. What it answered last counts, if it was asked after their end: since then they have sent
// nothing by themselves.
func (o *origin) looked() {
	if !o.looking {
		return
	}
	idle, sent, got := true, uint64(0), uint64(0)
	for _, x := range o.order {
		s := &x.standing
		switch {
		case x.failed:
			continue
		case x.state == stopped && o.phase == running:
			idle = idle && s.final
		case x.state != placed || s.asked:
			return // or the job is about to end
		}
		idle, sent, got = idle && s.idle, sent+s.sent, got+s.got
	}
	o.looking = false
	quiet := idle && sent == got && !o.void && len(o.silences) == 0
	again := quiet && !o.quiet // the second round follows at once
	if quiet && o.quiet && !o.moved && !o.record.Spec.AllowDeadlock {
		o.fail(mpi.JobCause{Rank: -1, Reason: mpi.Deadlock, Detail: o.deadlock()})
		return
	}
	o.quiet, o.moved, o.void = quiet, false, false
	if again && !o.record.Spec.AllowDeadlock {
		o.look()
		return
	}
	o.lookLater()
}

// note keeps in the record what the ranks of a node wait for.
func (o *origin) note(p *participant, waits []frame.RankWait) {
	for _, r := range p.ranks {
		o.record.Ranks[r].Waits = nil
	}
	for i := range waits[:min(len(waits), mpi.MaxWaits)] {
		rank := int(waits[i].Rank)
		if !slices.Contains(p.ranks, rank) || o.exits[rank] {
			continue
		}
		w := waits[i].Clip()
		w.Since = o.now.Add(-w.For).Round(0)
		o.record.Ranks[rank].Waits = &w
	}
}

// maxDeadlocked is how many ranks are named in the cause. The record has more.
const maxDeadlocked = 8

// deadlock says what the ranks wait for.
func (o *origin) deadlock() string {
	var list []string // of sentences
	waiting := 0
	var ended, failed []int
	for r, rank := range o.record.Ranks {
		w := rank.Waits
		switch {
		case rank.Failed != nil:
			failed = append(failed, r)
			continue
		case o.exits[r]:
			ended = append(ended, r)
			continue
		case w == nil: // over the limit of what a node tells
		case len(list) == 0:
			list = append(list, fmt.Sprintf("rank %d waits in %s", r, waitsFor(w)))
		case len(list) < maxDeadlocked:
			list = append(list, fmt.Sprintf("rank %d in %s", r, waitsFor(w)))
		}
		waiting++
	}
	if more := waiting - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more ranks", more))
	}
	text := "deadlock: " + strings.Join(list, ", ")
	if len(ended) > 0 {
		text += "; " + haveEnded(ended, "ended")
	}
	if len(failed) > 0 {
		text += "; " + haveEnded(failed, "failed")
	}
	return text
}

// haveEnded says which ranks have ended, or failed.
func haveEnded(list []int, how string) string {
	if len(list) == 1 {
		return fmt.Sprintf("rank %d has %s", list[0], how)
	}
	return fmt.Sprintf("%d ranks have %s", len(list), how)
}

// waitsFor is a wait in a sentence: "MPI_Recv for rank 1 (tag 5)".
func waitsFor(w *mpi.RankWait) string {
	s := w.Call
	if p := w.Peers(); p != "" {
		p = strings.TrimPrefix(p, "from ")
		s += " for " + strings.TrimPrefix(p, "to ")
	}
	if w.Comm != "" && w.Comm != "MPI_COMM_WORLD" {
		s += " on " + w.Comm
	}
	return s
}
