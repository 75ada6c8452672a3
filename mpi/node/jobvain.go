package node

import (
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// vain is what each origin has kept in vain: slots of this node, for jobs that never started here. Who does it much is refused for a
// while, so that others get their turn. In the long run no origin keeps the node's slots in vain for more than a tenth of the time,
// or, once it has placed ranks, half of it. jobs.mu guards it.
type vain map[mpi.PeerID]*idleness

// idleness is of one origin.
type idleness struct {
	time  time.Duration // kept in vain, of late: as if all slots at once
	at    time.Time     // when that was
	until time.Time     // no offers are taken before
}

const (
	vainFree = time.Minute             // of it is nothing: whoever looks for many slots releases some now and then
	vainMost = 150 * time.Second       // what counts of it
	vainFade = 10                      // a second is forgotten in so many
	vainUnit = 10 * time.Second        // beyond vainFree, for which the origin has to pause as long as it kept slots
	vainWait = 10 * time.Minute        // for which it has to at most
	lateness = 30 * time.Second        // that Start may have
	startMax = fetchTimeout + lateness // from Place to Start
)

// refuse says why an origin's offer is not taken now; nothing if it is.
func (v vain) refuse(origin mpi.PeerID) string {
	i := v[origin]
	if i == nil {
		return ""
	}
	wait := time.Until(i.until)
	if wait <= 0 {
		return ""
	}
	return fmt.Sprintf("this origin has kept slots for long without starting a job: it may ask again in %v", max(wait.Round(time.Second), time.Second))
}

// add counts a time for which an origin kept so many of the node's slots in vain.
func (v vain) add(origin mpi.PeerID, kept time.Duration, slots, total int) {
	now := time.Now()
	for p, i := range v { // there are not many: what they have together grows no faster than the time, and each fades
		i.time = max(i.time-now.Sub(i.at)/vainFade, 0)
		if i.at = now; i.time == 0 {
			delete(v, p)
		}
	}
	kept = kept * time.Duration(slots) / time.Duration(max(total, 1))
	if kept <= 0 {
		return
	}
	i := v[origin]
	if i == nil {
		i = &idleness{at: now}
		v[origin] = i
	}
	i.time = min(i.time+kept, vainMost)
	if over := i.time - vainFree; over > 0 {
		wait := time.Duration(float64(kept) * float64(over) / float64(vainUnit))
		if i.until.Before(now) {
			i.until = now
		}
		i.until = i.until.Add(wait)
		if last := now.Add(vainWait); i.until.After(last) {
			i.until = last
		}
	}
}

// wasted counts slots that were kept for a job and had no use, but for the node's own.
func (p *part) wasted(slots int) {
	if p.id.Origin == p.js.n.self || slots == 0 {
		return
	}
	p.js.mu.Lock()
	defer p.js.mu.Unlock()
	p.js.vain.add(p.id.Origin, time.Since(p.made), slots, p.js.slots.total)
}
