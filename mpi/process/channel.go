package process

import (
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// channelKey identifies partitioned sends and receives that match each other. Those of one channel
// match in the order in which they were initialized (MPI 5.0, 4.2.1), so both sides number them.
type channelKey struct {
	context   uint64
	peer, tag int32
	send      bool
}

// channel is the requests of one side of a channel. One that is freed before it was ever started
// may have no counterpart, and must not stop those after it:
//
//   - A sender tells of the numbers that it withdrew when it starts a later request. A receive that
//     is told so takes the next number, and those after it move on.
//   - A receive takes the header of its own number or, if some before it were freed, of the one
//     that it has without them, whichever comes.
type channel struct {
	key  channelKey
	next uint64 // number of the next request
	live map[uint64]*partitioned
	// numbers of requests that were freed before they started: of a sender those that it has not
	// told yet
	vacant []uint64
	// headers that came for another receive than took them; each live receive takes two at most
	spare map[uint64]*header
}

// channelBytes is the charge for a channel, vacantBytes that for a number in it.
const (
	channelBytes = smallObject
	vacantBytes  = 64
	maxVacant    = 1 << 10 // numbers that are known of a channel
)

// join gives an operation the next number of its channel.
func (c *call) join(x *partitioned, key channelKey) error {
	ch := c.channels[key]
	if ch == nil {
		if err := c.charge(channelBytes); err != nil {
			return err
		}
		if c.channels == nil {
			c.channels = map[channelKey]*channel{}
		}
		ch = &channel{key: key, live: map[uint64]*partitioned{}}
		c.channels[key] = ch
	}
	if err := c.charge(vacantBytes); err != nil {
		return err
	}
	x.of, x.number = ch, ch.next
	x.taken = x.number
	ch.live[x.number] = x
	ch.next++
	return nil
}

// leave takes an operation out of its channel, which may be freed.
func (p *Process) leave(x *partitioned) {
	ch := x.of
	if ch == nil || ch.live[x.number] != x {
		return
	}
	ch.settle(x)
	delete(ch.live, x.number)
	x.deafen(p)
	if x.started || len(ch.vacant) == maxVacant {
		p.refund(vacantBytes)
		return
	}
	ch.vacant = append(ch.vacant, x.number) // charged still
}

// settle gives a receive that took another number than its own that one, and leaves its own.
func (ch *channel) settle(x *partitioned) {
	if !x.bound.Load() || x.taken == x.number || ch.live[x.taken] != nil {
		return
	}
	delete(ch.live, x.number)
	for i, n := range ch.vacant {
		if n == x.taken {
			ch.vacant[i] = x.number
		}
	}
	x.number = x.taken
	ch.live[x.number] = x
}

// alternatives looks which numbers the receives of a channel have taken by now.
func (p *Process) alternatives(x *partitioned) {
	if len(x.of.vacant) == 0 {
		return
	}
	for _, y := range x.of.live {
		x.of.settle(y)
	}
}

// numbersOf are the numbers that a receive may have: its own, and that without those before it that
// are vacant, which goes first: if the sender started both, that one came first.
func (ch *channel) numbersOf(x *partitioned) []uint64 {
	before := uint64(0)
	for _, n := range ch.vacant {
		if n < x.number {
			before++
		}
	}
	if before == 0 {
		return []uint64{x.number}
	}
	return []uint64{x.number - before, x.number}
}

// handOver gives a header to the receive that waits for its number, or keeps it for one that will.
func (p *Process) handOver(ch *channel, h *header) {
	var found *partitioned
	for _, y := range ch.live {
		if y.started && !y.headed() && slices.Contains(ch.numbersOf(y), h.number) && (found == nil || y.number < found.number) {
			found = y
		}
	}
	if found != nil {
		found.mu.Lock()
		found.accept(p, h)
		found.mu.Unlock()
		return
	}
	if ch.spare == nil {
		ch.spare = map[uint64]*header{}
	}
	if len(ch.spare) < maxVacant {
		ch.spare[h.number] = h
	}
}

// tellWithdrawn tells the receiver of the sends that were freed before x and never started.
func (p *Process) tellWithdrawn(ch *channel, x *partitioned) {
	slices.Sort(ch.vacant)
	p.refund(int64(len(ch.vacant)) * vacantBytes)
	for len(ch.vacant) > 0 {
		n := 1
		for n < len(ch.vacant) && ch.vacant[n] == ch.vacant[0]+uint64(n) {
			n++
		}
		env := x.envelope(ch.vacant[0])
		env.Note = nil
		b := make([]byte, headerSize)
		putHeader(b, withdrawn, int64(ch.vacant[0])+int64(n))
		ch.vacant = ch.vacant[n:]
		m := &message{verb: sends, mode: match.Standard, env: env, buf: datatype.Of(b)}
		p.end.Send(&m.Request, m.env, m.buf, m.mode)
		if !m.done() {
			p.unfinished = append(p.unfinished, m)
			p.handles.held += requestBytes
		}
	}
	ch.vacant = nil
}

// shift gives a receive whose number the sender withdrew the next one. Those that have that number
// and no header yet move on too, in order.
func (p *Process) shift(x *partitioned, h *header) {
	ch := x.of
	if ch.live[x.number] != x || x.bound.Load() {
		return
	}
	to := uint64(h.field(1))
	if to <= h.number || to > h.number+maxObjects {
		to = h.number + 1
	}
	// both sides freed those: x is in place, and they do not count any more
	known := len(ch.vacant)
	ch.vacant = slices.DeleteFunc(ch.vacant, func(n uint64) bool { return h.number <= n && n < to })
	p.refund(int64(known-len(ch.vacant)) * vacantBytes)
	if h.number != x.number && to <= x.number {
		return
	}
	x.deafen(p)
	delete(ch.live, x.number)
	queue := []*partitioned{x}
	for n := x.number + 1; len(queue) > 0; n++ {
		y := ch.live[n]
		if y != nil && y.headed() {
			continue
		}
		if y != nil {
			y.deafen(p)
			delete(ch.live, n)
			queue = append(queue, y)
		}
		if n < to {
			continue
		}
		z := queue[0]
		queue = queue[1:]
		z.number, ch.live[n] = n, z
		ch.next = max(ch.next, n+1)
		if z.started {
			z.listen(p, n)
		}
	}
}
