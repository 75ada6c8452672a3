package match

import "sync/atomic"

// ring is a queue of small messages from one rank to another of its node. The sender alone puts
// messages in, without a lock; whoever has locked the receiver's mailbox takes them out. Each slot
// says by itself whether it is full, so that a message is one or two cache lines that move from one
// core to the other, and no more.
type ring struct {
	slots []slot // a power of two

	_ [64]byte
	// The sender's: see outbox.
	tail uint32 // messages put in
	seen uint32 // head as the sender last saw it

	_    [64]byte
	head atomic.Uint32 // messages taken out; changed with the receiver's mailbox locked
	_    [64]byte
}

// slot is two cache lines, of which a message of up to 40 bytes takes one.
type slot struct {
	number  atomic.Uint32 // of the message that it holds, from 1; or of one that was taken out
	size    uint32
	context uint64
	source  int32
	tag     int32
	data    [maxRinged]byte
}

const (
	// maxRinged is the bytes of the largest message that goes through a ring.
	maxRinged = 104
	slotBytes = 128
	// ringSlots is how many messages fit into a ring.
	ringSlots = 64
)

func newRing(slots int) *ring { return &ring{slots: make([]slot, slots)} }

// put adds a message, or reports that the ring is full. The sender calls it.
func (g *ring) put(env *Envelope, data []byte) bool {
	if g.tail-g.seen == uint32(len(g.slots)) {
		if g.seen = g.head.Load(); g.tail-g.seen == uint32(len(g.slots)) {
			return false
		}
	}
	s := &g.slots[g.tail&uint32(len(g.slots)-1)]
	s.size, s.context, s.source, s.tag = uint32(len(data)), env.Context, env.Source, env.Tag
	copy(s.data[:], data)
	g.tail++
	s.number.Store(g.tail)
	return true
}

// at is the message after the first n that were taken out; nil if it is not there. The number of an
// empty slot is less by the length of the ring, or 0.
func (g *ring) at(n uint32) *slot {
	s := &g.slots[n&uint32(len(g.slots)-1)]
	if s.number.Load() != n+1 {
		return nil
	}
	return s
}

// filled reports whether there is a message. Anybody may call it.
func (g *ring) filled() bool { return g.at(g.head.Load()) != nil }
