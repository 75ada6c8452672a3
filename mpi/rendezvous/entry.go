package rendezvous

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Who is in view, within its limits. While there is room, every hello is kept whole. Once there is
// none, each peer keeps its share of the bytes, and of the places the networks with many peers in
// view give way to those with few.

// enter puts a peer in view by its hello, or replaces the hello of one that is. It
// reports false when there is no room for it.
func (v *view) enter(now time.Time, p *contact, theirs frame.Hello, group string) bool {
	theirs.Members = nil
	if v.bytes-p.size+weigh(theirs) > v.lim.bytes {
		theirs = v.cut(theirs)
	}
	size := weigh(theirs)
	useful := v.useful(theirs)
	for v.bytes-p.size+size > v.lim.bytes && v.cutLargest(p) {
	}
	for (!p.in && v.inView >= v.lim.peers) || v.bytes-p.size+size > v.lim.bytes {
		if !v.evict(now, p, worth(useful, p.connected), group) {
			return false
		}
	}
	was := p.in
	v.unlist(p)
	p.in, p.useful, p.group, p.heard, p.gone = true, useful, group, now, false
	v.inView++
	v.groups[group]++
	v.say(p, theirs)
	if p.index >= 0 {
		v.queue(p, p.due) // its lane may be another now
	}
	if !was {
		v.log.Debug("peer in view", "peer", p.id, "serves", len(theirs.Serves), "agent", theirs.Agent)
	}
	return true
}

// say keeps the hello of a peer in view that has none.
func (v *view) say(p *contact, theirs frame.Hello) {
	p.hello, p.size = theirs, weigh(theirs)
	v.bytes += p.size
	for _, i := range theirs.Serves {
		set := v.members[i.CID]
		if set == nil {
			set = map[mpi.PeerID]*contact{}
			v.members[i.CID] = set
		}
		set[p.id] = p
	}
}

// unsay drops the hello of a peer in view.
func (v *view) unsay(p *contact) {
	for _, i := range p.hello.Serves {
		if set := v.members[i.CID]; set != nil {
			delete(set, p.id)
			if len(set) == 0 {
				delete(v.members, i.CID)
			}
		}
	}
	v.bytes -= p.size
	p.hello, p.size = frame.Hello{}, 0
}

func (v *view) unlist(p *contact) {
	if !p.in {
		return
	}
	v.unsay(p)
	v.inView--
	if v.groups[p.group]--; v.groups[p.group] == 0 {
		delete(v.groups, p.group)
	}
	p.in, p.useful = false, false
}

// leave takes a peer out of view.
func (v *view) leave(p *contact, why string) {
	if !p.in {
		return
	}
	v.unlist(p)
	v.log.Debug("peer out of view", "peer", p.id, "why", why)
}

// cut is a hello without what is over a peer's share of the bytes. What concerns our pools is kept
// first.
func (v *view) cut(h frame.Hello) frame.Hello {
	serves, wants := h.Serves, h.Wants
	h.Serves, h.Wants = nil, nil
	left := v.lim.share - weigh(h)
	for _, ours := range []bool{true, false} {
		for _, i := range serves {
			if size := weighServed(i); (v.pools[i.CID] != nil) == ours && size <= left {
				left -= size
				h.Serves = append(h.Serves, i)
			}
		}
		for _, w := range wants {
			if size := weighWanted(w); (v.pools[w] != nil) == ours && size <= left {
				left -= size
				h.Wants = append(h.Wants, w)
			}
		}
	}
	return h
}

// cutLargest cuts the largest hello in view but one to its share. It reports false if none is over
// its share.
func (v *view) cutLargest(but *contact) bool {
	var largest *contact
	for _, p := range v.peers {
		if p.in && p != but && p.size > v.lim.share && (largest == nil || p.size > largest.size) {
			largest = p
		}
	}
	if largest == nil {
		return false
	}
	theirs := v.cut(largest.hello)
	v.unsay(largest)
	v.say(largest, theirs)
	return true
}

// evict makes room by forgetting a peer in view: one that is worth less than the given and whose
// group has as many in view or more, or one that is worth no more and whose group has more. It is
// the one that is worth least, in the largest group, least recently heard. It reports false if
// there is none.
func (v *view) evict(now time.Time, but *contact, than int, group string) bool {
	few := v.groups[group]
	var worst *contact
	for _, p := range v.peers {
		if !p.in || p == but {
			continue
		}
		many, w := v.groups[p.group], worth(p.useful, p.connected)
		if (w < than && many >= few || w == than && many > few+1) && (worst == nil || v.sooner(p, worst)) {
			worst = p
		}
	}
	if worst == nil {
		return false
	}
	v.forget(now, worst)
	return true
}

// sooner says whether a is forgotten before b.
func (v *view) sooner(a, b *contact) bool {
	if x, y := worth(a.useful, a.connected), worth(b.useful, b.connected); x != y {
		return x < y
	}
	if x, y := v.groups[a.group], v.groups[b.group]; x != y {
		return x > y
	}
	return a.heard.Before(b.heard)
}

func worth(useful, connected bool) int {
	w := 0
	if useful {
		w += 2
	}
	if connected {
		w++
	}
	return w
}

// weigh is about what a hello takes in memory, in bytes.
func weigh(h frame.Hello) int {
	n := 256 + len(h.Agent)
	for _, i := range h.Serves {
		n += weighServed(i)
	}
	for _, w := range h.Wants {
		n += weighWanted(w)
	}
	return n
}

func weighServed(i mpi.Interpreter) int { return 128 + len(i.Name) + len(i.Version) + len(i.CID) }
func weighWanted(c mpi.CID) int         { return 16 + len(c) }
