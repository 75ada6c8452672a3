package p2p

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
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

// recent is how long ago the last Ack of a peer is that surely takes what it is sent.
const recent = 20 * time.Millisecond

// postsNow returns the stream to which a Post may write from its caller's goroutine, as a Send
// does, nil if there is none: packets of ranks, if they are few and the write is not likely to
// wait. Nothing is under way, or little is and an acknowledgement has just come. mu is held.
func (o *outbound) postsNow(body message) *stream {
	if o.stream == nil || o.state != up || o.closing || len(o.waiters) > 0 || body.kind() != wire.KindPackets ||
		len(body) > flushFrame || o.bytes > flushBytes || o.fits(body) != nil || !o.room(body) ||
		len(o.entries) > 0 && time.Since(o.ackedAt) > recent || !o.idleFor(len(o.entries)) {
		return nil
	}
	return o.stream
}
