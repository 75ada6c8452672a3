package match

import "math/bits"

// Memory of the host for eager messages: an unexpected message keeps its own of up to maxSmall
// bytes, the rest is from World.pool.
const (
	maxSmall  = 4 << 10
	freeNotes = 64 // unexpected messages that a mailbox keeps for later
)

// note is a new unexpected message. The mailbox is locked.
func (e *Endpoint) note(context uint64, peer int, source, tag int32, size int64) *unexpected {
	var a *unexpected
	if n := len(e.notes); n > 0 {
		a = e.notes[n-1]
		e.notes = e.notes[:n-1]
	} else {
		a = new(unexpected)
	}
	a.context, a.peer, a.source, a.tag, a.size = context, peer, source, tag, size
	return a
}

// room gives an unexpected message memory for its data.
func (e *Endpoint) room(a *unexpected) []byte {
	n := int(a.size)
	a.eager = true
	if n <= maxSmall {
		if cap(a.small) < n {
			a.small = make([]byte, max(64, 1<<bits.Len(uint(n-1))))
		}
		a.data = a.small[:n]
	} else {
		a.big = e.w.pool.Get(n)
		a.data = (*a.big)[:n]
	}
	return a.data
}

// forget ends an unexpected message that is in no list any more. The mailbox is locked.
func (e *Endpoint) forget(a *unexpected) {
	if a.big != nil {
		e.w.pool.Put(a.big)
	}
	if len(e.notes) == freeNotes {
		return
	}
	*a = unexpected{small: a.small}
	e.notes = append(e.notes, a)
}
