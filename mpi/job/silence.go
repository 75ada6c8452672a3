package job

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Silent nodes. The transport says when nothing comes from a node any more, and when something does
// again; the session goes on meanwhile, and so does the job, as far as the others can. A node that
// is silent for the job's grace is lost, for its origin and for each of its hosts alike. A host
// that hears nothing from another host tells the origin, for people: that ends nothing.

// silenceOver is why a node is lost that was silent for the grace.
func silenceOver(grace time.Duration) string {
	return fmt.Sprintf("nothing came from it for %v, the grace of the job", grace)
}

// hearing is who hears, or does not hear, whom.
type hearing struct{ by, peer mpi.PeerID }

// silence is one that goes on.
type silence struct {
	since time.Time
	told  bool // as an event of the job
}

// Bounds on what one node says of silences.
const (
	maxRemarks   = 16          // events at once, and one more each second
	settlePause  = time.Second // between two looks at whether a silence goes on
	maxReporting = mpi.MaxJobSilences
)

// grace is how long a node may be silent.
func (o *origin) grace() time.Duration { return o.record.Spec.Patience() }

// tellGrace tells a node the grace of the job, before what it is to keep or to run.
func (o *origin) tellGrace(p *participant) {
	if t := o.record.Spec.Grace; t != 0 {
		o.post(p.peer, frame.Grace{Job: o.id, Time: t})
	}
}

// fallsSilent notes that nothing comes from a node here.
func (o *origin) fallsSilent(peer mpi.PeerID, since time.Time) {
	if o.nodes[peer] == nil || peer == o.self || o.phase >= stopping {
		return
	}
	o.silences[hearing{o.self, peer}] = &silence{since: since}
	o.awaitSilent()
	o.tellSilences()
}

// remark takes what a host says of another host.
func (o *origin) remark(p *participant, f frame.Silence) {
	other := o.nodes[f.Peer]
	if p.peer == o.self || p.state != placed || other == nil || other == p || other.state != placed || o.phase >= stopping {
		return
	}
	h := hearing{p.peer, f.Peer}
	if f.For <= 0 {
		o.isBack(h)
		return
	}
	if o.silences[h] == nil {
		o.silences[h] = &silence{since: o.now.Add(-min(f.For, o.now.Sub(o.record.Created)))}
		o.tellSilences()
	}
}

// isBack ends a silence.
func (o *origin) isBack(h hearing) {
	s := o.silences[h]
	if s == nil {
		return
	}
	delete(o.silences, h)
	if h.by == o.self {
		o.offersAgain(h.peer)
	}
	if s.told {
		o.happen(mpi.JobEvent{Type: mpi.EventNodeBack, Rank: -1, Peer: h.peer, By: h.by,
			Text: fmt.Sprintf("node %s is back after %v", h.of(o.self), length(o.now.Sub(s.since)))}, false)
	}
	o.awaitSilent()
	o.noteSilences()
}

// of names the pair, for people at the origin.
func (h hearing) of(self mpi.PeerID) string {
	if h.by == self {
		return h.peer.Short()
	}
	return fmt.Sprintf("%s, for node %s,", h.peer.Short(), h.by.Short())
}

// length is a time for people.
func length(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// unheard is whether the node is silent here.
func (o *origin) unheard(peer mpi.PeerID) bool { return o.silences[hearing{o.self, peer}] != nil }

// awaitSilent arms the timer for the first node whose grace is over.
func (o *origin) awaitSilent() {
	var first time.Time
	for h, s := range o.silences {
		if h.by == o.self && (first.IsZero() || s.since.Before(first)) {
			first = s.since
		}
	}
	o.timers[silenceTimer] = time.Time{}
	if !first.IsZero() {
		o.timers[silenceTimer] = first.Add(o.grace())
	}
}

// silencesOver loses the nodes whose grace is over.
func (o *origin) silencesOver() {
	for _, p := range o.known() { // in an order that is always the same
		s := o.silences[hearing{o.self, p.peer}]
		if s != nil && !o.now.Before(s.since.Add(o.grace())) {
			why := silenceOver(o.grace())
			if o.hearsNobody() {
				why += "; nor from any other node: this one may be cut off"
			}
			ranks := p.state == placed && !o.survives()
			if o.lose(p.peer, why); ranks { // the session may outlast the grace of the job
				o.post(p.peer, frame.Stop{Job: o.id, Detail: why})
			}
		}
	}
	if o.phase < stopping {
		o.awaitSilent()
	}
}

// hearsNobody reports whether all other nodes with ranks are silent here, and are several.
func (o *origin) hearsNobody() bool {
	n := 0
	for _, p := range o.order {
		switch {
		case p.peer == o.self:
		case !o.unheard(p.peer):
			return false
		default:
			n++
		}
	}
	return n > 1
}

// forgetSilences drops what is known of a node that is lost.
func (o *origin) forgetSilences(peer mpi.PeerID) {
	for h := range o.silences {
		if h.by == peer || h.peer == peer {
			delete(o.silences, h)
		}
	}
	if o.phase < stopping {
		o.awaitSilent()
	}
}

// tellSilences makes events of the silences of nodes with ranks that are none yet. What a host says
// of others makes only so many.
func (o *origin) tellSilences() {
	for _, h := range o.sortedSilences() {
		s, by := o.silences[h], o.nodes[h.by]
		if s.told || o.nodes[h.peer].state != placed || o.nodes[h.peer].failed {
			continue
		}
		if h.by != o.self {
			if by.remarks >= maxRemarks+int(o.now.Sub(o.record.Created)/time.Second) {
				continue
			}
			by.remarks++
		}
		s.told = true
		o.happen(mpi.JobEvent{Type: mpi.EventNodeSilent, Rank: -1, Peer: h.peer, By: h.by,
			Text: fmt.Sprintf("node %s says nothing since %v; waiting up to %v", h.of(o.self), length(o.now.Sub(s.since)), o.grace())}, false)
	}
	o.noteSilences()
}

// noteSilences keeps in the record who is waited for.
func (o *origin) noteSilences() {
	o.record.Silent = nil
	for _, h := range o.sortedSilences() {
		if s := o.silences[h]; s.told && !o.nodes[h.peer].failed && len(o.record.Silent) < mpi.MaxJobSilences {
			o.record.Silent = append(o.record.Silent, mpi.JobSilence{Peer: h.peer, By: h.by, Since: s.since.Round(0)})
		}
	}
}

// sortedSilences are those of this node first, then the oldest.
func (o *origin) sortedSilences() []hearing {
	list := make([]hearing, 0, len(o.silences))
	for h := range o.silences {
		list = append(list, h)
	}
	own := func(h hearing) int {
		if h.by == o.self {
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b hearing) int {
		return cmp.Or(own(a)-own(b), o.silences[a].since.Compare(o.silences[b].since), cmp.Compare(a.peer, b.peer), cmp.Compare(a.by, b.by))
	})
	return list
}

// fallsSilent notes that nothing comes from the origin, or from another node of the job.
func (h *host) fallsSilent(peer mpi.PeerID, since time.Time) {
	if h.aborted || peer != h.id.Origin && !slices.Contains(h.place.Nodes, peer) && h.phase != waiting {
		return
	}
	h.silences[peer] = since
	if peer != h.id.Origin && h.self != h.id.Origin && h.phase >= preparing && h.phase <= executing && len(h.reported) < maxReporting {
		h.reported[peer] = true
		h.post(frame.Silence{Job: h.id, Peer: peer, For: max(h.now.Sub(since), 1)})
	}
}

// isBack ends a silence. An origin that is back has the whole time again to place its ranks.
func (h *host) isBack(peer mpi.PeerID) {
	if _, ok := h.silences[peer]; !ok {
		return
	}
	delete(h.silences, peer)
	if h.reported[peer] {
		delete(h.reported, peer)
		h.post(frame.Silence{Job: h.id, Peer: peer})
	}
	if h.phase == holding && h.expiry.IsZero() {
		h.expiry = h.now.Add(frame.ReservationTime)
	}
}

// silenceEnds is when the first node is lost by its silence; zero for never.
func (h *host) silenceEnds() (at time.Time) {
	for _, since := range h.silences {
		if t := since.Add(h.grace); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// silencesOver loses the nodes whose grace is over, the origin first.
func (h *host) silencesOver() {
	for _, peer := range append([]mpi.PeerID{h.id.Origin}, h.place.Nodes...) {
		if since, ok := h.silences[peer]; ok && !h.now.Before(since.Add(h.grace)) {
			h.lose(peer, silenceOver(h.grace))
		}
	}
	for peer, since := range h.silences { // of no interest any more, but that they were waited for
		if !h.now.Before(since.Add(h.grace)) {
			delete(h.silences, peer)
		}
	}
}
