package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Which node was lost, where others say so. failure.go asks.

// accusation is that a node says it has lost another one, and has given up.
type accusation struct {
	by, of *participant
	why    string
}

// evidenceTime is how long after the first accusation it is decided which node was lost. Reports
// come in any order: a node that was cut off accuses others, as they accuse it. What this node sees
// itself, and what an accused node says of its own end, decide at once.
const evidenceTime = 500 * time.Millisecond

// accuse takes an accusation.
func (o *origin) accuse(by, of *participant, why string) {
	if o.phase >= stopping || o.accuses(by) {
		return
	}
	o.accused = append(o.accused, accusation{by, of, firstLine(why)})
	if len(o.accused) == 1 {
		o.arm(verdictTimer, evidenceTime)
	}
}

// accuses reports whether a node has accused another one.
func (o *origin) accuses(p *participant) bool {
	return slices.ContainsFunc(o.accused, func(a accusation) bool { return a.by == p })
}

// verdict ends the job by the node that most of the others accuse or do not hear; of several by the
// one that was accused first.
func (o *origin) verdict() {
	without := map[mpi.PeerID]map[mpi.PeerID]bool{} // node → who does without it
	note := func(of, by mpi.PeerID) {
		if without[of] == nil {
			without[of] = map[mpi.PeerID]bool{}
		}
		without[of][by] = true
	}
	for _, a := range o.accused {
		note(a.of.peer, a.by.peer)
	}
	for h := range o.silences {
		note(h.peer, h.by)
	}
	o.accused = slices.DeleteFunc(o.accused, func(a accusation) bool { return !slices.Contains(o.order, a.of) })
	if len(o.accused) == 0 { // another node has the ranks of the one that was accused
		return
	}
	lost := o.accused[0].of
	for _, p := range o.order {
		if len(without[p.peer]) > len(without[lost.peer]) {
			lost = p
		}
	}
	why := o.testimony(lost)
	o.accused = nil
	o.nodeLost(lost, why)
}

// testimony is what others say of a lost node.
func (o *origin) testimony(lost *participant) string {
	var by []string
	why, mutual := "nothing comes from it", ""
	for _, a := range o.accused {
		if a.of == lost {
			if by = append(by, a.by.peer.Short()); len(by) == 1 {
				why = a.why
			}
		}
		if a.by == lost {
			mutual = fmt.Sprintf("; it says that it lost node %s", a.of.peer.Short())
		}
	}
	switch {
	case len(by) == 1:
		why = fmt.Sprintf("node %s lost it: %s", by[0], why)
	case len(by) > 1:
		why = fmt.Sprintf("%d nodes lost it: %s", len(by), why)
	}
	return why + mutual
}
