package p2p

import (
	"fmt"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// The queue of an outbound within its credit. All of this is called with outbound.mu held.

func (o *outbound) next() uint64 { return o.first + uint64(len(o.entries)) }

func (o *outbound) fits(body message) error {
	if n := wire.DataLen(o.next(), body.size()); n > o.maxFrame {
		return fmt.Errorf("p2p: send to %s: a frame of %d bytes: %w, %d bytes", o.name, n, frame.ErrTooLarge, o.maxFrame)
	}
	return o.fitsVersion(body)
}

// room reports whether body is within the credit. With nothing under way one frame always is.
func (o *outbound) room(body message) bool {
	n := wire.DataLen(o.next(), body.size())
	return len(o.entries) == 0 ||
		o.bytes+n <= o.window && int(o.t.queued.Load())+n <= o.t.cfg.MaxQueued
}

func (o *outbound) push(body message) {
	body = o.inVersion(body)
	n := wire.DataLen(o.next(), body.size())
	e := body.frame(o.next())
	if len(o.entries) == cap(o.entries) {
		o.makeRoom()
	}
	o.entries = append(o.entries, e)
	o.bytes += n
	o.t.queued.Add(int64(n))
}

// makeRoom moves the entries to the beginning of their memory if at most half of it is in use, else
// to twice as much memory: each entry is moved about once.
func (o *outbound) makeRoom() {
	n := len(o.entries)
	if n > cap(o.queue)/2 || n == 0 {
		o.entries = slices.Grow(o.entries, n+1)
		o.queue = o.entries[:0]
		return
	}
	copy(o.queue[:n], o.entries)
	clear(o.queue[n:cap(o.queue)])
	o.entries = o.queue[:n]
}

// grant queues the frames of waiters, in order, while there is credit.
func (o *outbound) grant() {
	if o.state != up {
		return
	}
	n := 0
	for _, w := range o.waiters {
		cost := w.cost()
		if err := o.fits(w.body); err != nil {
			o.fail(w, err)
		} else if o.room(w.body) {
			o.push(w.body)
			if w.session = o.number; w.done != nil {
				close(w.done)
			}
		} else {
			break
		}
		if w.done == nil {
			o.reserve(-cost)
		}
		n++
	}
	if n > 0 {
		clear(o.waiters[:n])
		o.waiters = o.waiters[n:]
		o.kick()
	}
}

// drop removes the entries up to and including seq, which the peer has acknowledged. It does not
// move the others, however many: a peer may acknowledge each frame by itself.
func (o *outbound) drop(seq uint64) {
	if seq < o.first {
		return
	}
	n := int(seq - o.first + 1)
	freed := 0
	for i, e := range o.entries[:n] {
		freed += e.length()
		if seq := o.first + uint64(i); !o.writing || seq < o.from { // whatever the peer says it has
			o.t.memory.put(e.buf)
		}
	}
	clear(o.entries[:n])
	o.entries = o.entries[n:]
	if len(o.entries) == 0 {
		if cap(o.queue) > 4096 {
			o.queue = nil
		}
		o.entries = o.queue
	}
	o.first += uint64(n)
	o.sent = max(o.sent-n, 0)
	o.bytes -= freed
	o.t.queued.Add(-int64(freed))
}

// unsentDelivers are the IDs of the messages that were queued and of which nothing was written to
// any stream. mu is held.
func (o *outbound) unsentDelivers() (ids []uint64) {
	for i, e := range o.entries {
		if o.first+uint64(i) <= o.high || e.buf.kind() != wire.KindDeliver {
			continue
		}
		if f, err := wire.ParseMessage(e.buf[headroom:]); err == nil {
			if d, ok := f.(frame.Deliver); ok {
				ids = append(ids, d.ID)
			}
		}
	}
	return ids
}
