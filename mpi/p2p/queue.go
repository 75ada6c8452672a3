package p2p

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// What may be unacknowledged when Flush writes from its caller's goroutine. It is less than what
// the multiplexer takes without waiting for the peer, in bytes and in writes.
//
// flushFrame is the largest frame that is written so: less than what QUIC sends at once. The rest
// of a larger one leaves at the pace of the connection, and whoever sends to many peers would wait
// for each in turn.
const (
	flushBytes  = 64 << 10
	flushFrames = 32
	flushFrame  = 8 << 10
)

// Queue implements [frame.Queuer].
func (t *Transport) Queue(to mpi.PeerID, f frame.Frame) (session uint64, ok bool) {
	t.mu.RLock()
	o := t.outs[to]
	t.mu.RUnlock()
	if o == nil || !o.ready() {
		return 0, false
	}
	m, err := t.encode(f)
	if err != nil {
		return 0, false // Send says why
	}
	return o.enqueue(m)
}

// Flush implements [frame.Queuer].
func (t *Transport) Flush(to mpi.PeerID, write bool) {
	t.mu.RLock()
	o := t.outs[to]
	t.mu.RUnlock()
	if o != nil {
		o.flush(write)
	}
}

// ready reports whether a frame is likely to be queued at once.
func (o *outbound) ready() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state == up && !o.closing && len(o.waiters) == 0
}

// enqueue queues a frame if there is credit for it, and nothing waits for credit.
func (o *outbound) enqueue(body message) (session uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != up || o.closing || len(o.waiters) > 0 || o.fits(body) != nil || !o.room(body) {
		return 0, false
	}
	o.push(body)
	return o.number, true
}

// flush has what is queued written: here if it is one small frame and does not wait, else by the
// session's writer.
func (o *outbound) flush(write bool) {
	o.mu.Lock()
	s, last := o.stream, len(o.entries)-1
	if write && s != nil && o.bytes <= flushBytes && last >= 0 && last < flushFrames &&
		o.entries[last].length() <= flushFrame && o.idle() {
		o.writeOne(s) // unlocks
		return
	}
	kick := !o.writing && o.sent < len(o.entries) // else wrote kicks
	o.mu.Unlock()
	if kick {
		o.kick()
	}
}
