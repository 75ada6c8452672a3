package job

import (
	"fmt"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Spare slots are kept by nodes without ranks for as long as the job lasts. The ranks of a node
// that is lost, or gives up, before any rank runs go to one such node, without a search. A spare
// node that is lost is no reason to fail.

// spareNodes chooses which nodes of a list, in the order of their use, keep slots instead of
// running ranks: the last ones, as many as are needed, while the others have room for all ranks.
func (o *origin) spareNodes(list []*participant) (rest, spare []*participant) {
	want, room := o.record.Spec.Spares, -o.record.Spec.Ranks
	for _, p := range list {
		room += p.slots
	}
	for _, p := range slices.Backward(list) {
		if first := p == list[0]; !first && want > 0 && p.slots <= room {
			room -= p.slots
			want -= p.slots
			spare = append(spare, p)
		} else {
			rest = append(rest, p)
		}
	}
	slices.Reverse(rest)
	return rest, spare
}

// keepSpares has nodes keep slots for the job that no rank was placed on.
func (o *origin) keepSpares(spare []*participant) {
	left := o.record.Spec.Spares
	for _, p := range spare {
		if p.slots = min(p.slots, left); p.slots > 0 {
			left -= p.slots
			p.spare = true
			o.tellGrace(p)
			o.post(p.peer, frame.Keep{Job: o.id, Ranks: uint32(p.slots)})
		}
	}
	o.noteSpares()
}

// noteSpares notes in the record which slots are kept.
func (o *origin) noteSpares() {
	o.record.Spares = nil
	for _, p := range o.known() {
		if p.spare && p.state == reserved {
			o.record.Spares = append(o.record.Spares, mpi.JobSpare{Peer: p.peer, Slots: p.slots})
		}
	}
}

// spareLost says what is left if a node that keeps slots is lost or gives up.
func (o *origin) spareLost(p *participant, why string) {
	if !p.spare {
		return
	}
	p.spare = false
	o.noteSpares()
	if o.phase < stopping {
		o.happen(mpi.JobEvent{Type: mpi.EventProgress, Rank: -1, Text: fmt.Sprintf(
			"a spare node was lost, %s (%s): %d spare slots are left", p.peer.Short(), firstLine(why), o.record.SpareSlots())}, true)
	}
}

// replace gives the ranks of a node that is lost or gives up to one that keeps slots enough, if
// none of them runs yet. It is false if there is no such node.
func (o *origin) replace(p *participant, why string) bool {
	at := slices.Index(o.order, p)
	if o.phase != fetching || at < 0 { // it has no ranks any more
		return false
	}
	var s *participant
	for _, x := range o.known() {
		if x.spare && x.state == reserved && x.slots >= len(p.ranks) && (s == nil || x.slots < s.slots) {
			s = x
		}
	}
	if s == nil {
		return false
	}
	s.state, s.spare, s.ranks, s.slots, s.owes = placed, false, p.ranks, len(p.ranks), 1
	o.order[at] = s
	p.ranks, p.prepared = nil, false
	if p.state == placed {
		o.release(p, "another node has its ranks")
	} else {
		p.slots = 0
		o.do(forget{p.peer})
	}
	for _, r := range s.ranks {
		o.record.Ranks[r].Peer = s.peer
	}
	o.noteSpares()
	o.state(mpi.JobFetching, fmt.Sprintf("%s takes the place of %s: %s", s.peer.Short(), p.peer.Short(), firstLine(why)))
	for _, x := range o.order {
		if x != s {
			x.owes++
			x.prepared = false
			o.post(x.peer, frame.Replace{Job: o.id, Node: uint32(at), Peer: s.peer})
		}
	}
	o.forgetSilences(p.peer)
	o.tellSilences()
	o.tellGrace(s)
	o.post(s.peer, o.placeFrame())
	return true
}

// keep makes slots that are reserved for a moment ones that are kept until the job ends.
func (h *host) keep(n int) {
	h.spare = true
	h.take(min(n, h.kept))
	if h.expiry = h.now.Add(mpi.MaxJobTime); h.slots == 0 {
		h.stop("it is to keep no slots")
		return
	}
	h.do(watchOrigin{})
}

// replace takes another node of the job in the place of one.
func (h *host) replace(f frame.Replace) {
	n := int(f.Node)
	if n >= len(h.place.Nodes) || h.place.Nodes[n] == h.self || f.Peer == h.self || slices.Contains(h.place.Nodes, f.Peer) {
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Refused, Detail: fmt.Sprintf("no node can be replaced as %d of its %d nodes", n, len(h.place.Nodes))})
		return
	}
	if !h.admits(f.Peer) {
		h.fail(frame.Failed{Rank: -1, Reason: mpi.Refused, Detail: fmt.Sprintf("the node does not work with %s", f.Peer)})
		return
	}
	h.place.Nodes = slices.Clone(h.place.Nodes)
	delete(h.silences, h.place.Nodes[n])
	delete(h.reported, h.place.Nodes[n])
	h.place.Nodes[n] = f.Peer
	h.do(replaceNode{n, f.Peer})
	h.post(frame.Prepared{Job: h.id})
}
