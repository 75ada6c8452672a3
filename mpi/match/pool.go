package match

import (
	"math/bits"
	"sync"
)

// Memory of the host for eager messages: an unexpected keeps its own for small ones, the rest is from pools by powers of two.
const (
	smallest  = 12 // bits: below is small
	classes   = 12 // up to 8 MiB; more is not pooled
	freeNotes = 64 // arrivals that a mailbox keeps for later
)

type pools [classes]sync.Pool

// get is n bytes.
func (p *pools) get(n int) *[]byte {
	class := max(bits.Len(uint(n-1))-smallest, 0)
	if class >= classes {
		b := make([]byte, n)
		return &b
	}
	if b, ok := p[class].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 1<<(class+smallest))
	return &b
}

func (p *pools) put(b *[]byte) {
	n := len(*b)
	if class := bits.Len(uint(n-1)) - smallest; n == 1<<(class+smallest) && class >= 0 && class < classes {
		p[class].Put(b)
	}
}

// note is a new unexpected. The mailbox is locked.
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

// room gives an unexpected memory for its data.
func (e *Endpoint) room(a *unexpected) []byte {
	n := int(a.size)
	a.eager = true
	if n <= 1<<smallest {
		if cap(a.small) < n {
			a.small = make([]byte, max(64, 1<<bits.Len(uint(n-1))))
		}
		a.data = a.small[:n]
	} else {
		a.big = e.w.pools.get(n)
		a.data = (*a.big)[:n]
	}
	return a.data
}

// forget ends an unexpected that is in no list any more. The mailbox is locked.
func (e *Endpoint) forget(a *unexpected) {
	if a.big != nil {
		e.w.pools.put(a.big)
	}
	if len(e.notes) == freeNotes {
		return
	}
	*a = unexpected{small: a.small}
	e.notes = append(e.notes, a)
}
