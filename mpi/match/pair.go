package match

import (
	"sync"
	"sync/atomic"
)

// pair is what is between a rank that sends and one of its node that receives.
type pair struct {
	from int // who sends
	// The sender's, guarded by its outbox.
	ring  *ring // nil for none; does not change once it is there
	sent  int64 // bytes of eager messages that ever went this way, with Overhead
	known int64 // returned as the sender last saw it
	small int   // messages that would have gone through a ring
	_     [64]byte
	// bytes of those that are matched; changed with the receiver's mailbox locked
	returned atomic.Int64
}

// outbox is the pairs in which a rank sends. Tasks of a rank send beside the rank itself: one puts
// a message into a ring at a time.
type outbox struct {
	mu    sync.Mutex
	last  *Endpoint     // the last receiver
	pair  *pair         // to it; nil if there is none
	pairs map[int]*pair // by receiver
}

// to returns the pair to a receiver, nil if there is none. mu is held.
func (o *outbox) to(e *Endpoint) *pair {
	if o.last != e {
		o.last, o.pair = e, o.pairs[e.rank]
	}
	return o.pair
}

// make returns the pair to a receiver, made if there is none. mu is held.
func (o *outbox) make(from int, to *Endpoint) *pair {
	p := o.to(to)
	if p == nil {
		if o.pairs == nil {
			o.pairs = map[int]*pair{}
		}
		p = &pair{from: from}
		o.pair, o.pairs[to.rank] = p, p
	}
	return p
}

// reserve takes room for an eager message of size bytes, if it is within the room that one rank has
// with another. The outbox is locked.
func (p *pair) reserve(size, room int) bool {
	cost := int64(size + Overhead)
	if p.sent-p.known+cost > int64(room) {
		if p.known = p.returned.Load(); p.sent-p.known+cost > int64(room) {
			return false
		}
	}
	p.sent += cost
	return true
}

// reserve takes room with to for an eager message of this rank, and returns the pair; nil if there
// is no room.
func (e *Endpoint) reserve(to *Endpoint, size int) *pair {
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.make(e.rank, to)
	if !p.reserve(size, e.w.cfg.Room) {
		return nil
	}
	return p
}

// giveBack gives back the room of a message that is matched. The receiver's mailbox is locked.
func (p *pair) giveBack(bytes int64) { p.returned.Store(p.returned.Load() + bytes) }

const (
	// ringAfter is how many small messages go from one rank to another without a ring: most pairs
	// of a large job exchange fewer.
	ringAfter = 16
	// maxRings bounds the rings to one rank, which it looks into again and again as it waits.
	maxRings = 32
	// minRings is how many times as large as a ring the room of a pair has to be. The ring is taken
	// out of it.
	minRings = 4
)

// ringed is a pair with a ring, as the receiver knows it.
type ringed struct {
	from int
	ring *ring
	pair *pair
}

// equip makes a ring for the pair to a rank, once it is worth one. The mailbox of to is locked and
// open.
func (e *Endpoint) equip(to *Endpoint) (made bool) {
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.make(e.rank, to)
	if p.small++; p.ring != nil || p.small <= e.w.ringAfter {
		return false
	}
	var list []ringed
	if old := to.rings.Load(); old != nil {
		list = *old
	}
	bytes := e.w.ringSlots * slotBytes
	if len(list) == maxRings || e.w.cfg.Room < minRings*bytes || !p.reserve(bytes-Overhead, e.w.cfg.Room) {
		return false
	}
	p.ring = newRing(e.w.ringSlots)
	list = append(list[:len(list):len(list)], ringed{e.rank, p.ring, p})
	to.rings.Store(&list)
	return true
}

// sendRinged puts a small message into the ring of its pair, and reports whether it could. Then the
// send is complete.
func (e *Endpoint) sendRinged(to *Endpoint, env *Envelope, data []byte) bool {
	o := &e.out
	if !o.mu.TryLock() {
		return false
	}
	p := o.to(to)
	done := p != nil && p.ring != nil && p.reserve(len(data), e.w.cfg.Room)
	if done && !p.ring.put(env, data) {
		p.sent -= int64(len(data) + Overhead)
		done = false
	}
	o.mu.Unlock()
	if done {
		to.ringFilled()
	}
	return done
}

// ringFilled does what is left once a message is in a ring of this rank. The rank finds it the next
// time that it waits, polls or posts, and if it waits now, at once: it is only to be woken if it is
// parked. If it computes meanwhile, and a task is to follow one of its requests, the sender
// delivers the message.
func (e *Endpoint) ringFilled() {
	if e.parked.Load() != 0 {
		e.notify()
	}
	if e.watched.Load() != 0 && e.tasks.waiting.Load() == 0 {
		e.collect()
	}
}
