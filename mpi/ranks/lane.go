package ranks

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// lane is the way to one other node: what waits for it, and the credit that there is.
type lane struct {
	g    *group
	node int
	owed atomic.Int64  // bytes from the node that were dealt with and for which credit is due
	got  atomic.Uint64 // packets from the node that were dealt with

	mu      sync.Mutex // guards the rest
	credit  int64      // bytes that may be given to the owner, once there is more than 0
	queue   []batch    // to be given to it, in order
	queued  int64      // bytes in queue
	held    int64      // of those, what answers without credit take; counted in group.held too
	calling bool       // a call of the owner is under way
	pace    pace       // of packets, if they are gathered
	granted *waiter    // whose turn it is
	waiting []*waiter
	gone    bool   // the node was given up: nothing goes to it any more
	failed  bool   // no rank is left there: what is sent to them is dropped
	sent    uint64 // packets that were queued or given to the owner
}

// batch is whole packets that go together: n bytes of a buffer of the group's pool.
type batch struct {
	buf *[]byte
	n   int
}

const (
	// batchBytes is what packets that go together have at most, but for one packet that is larger.
	batchBytes = 65 << 10
	// leastParts is the data from which a packet is given to the owner in parts, not copied.
	leastParts = 8 << 10
)

// waiter is a send that waits for credit.
type waiter struct{ turn chan struct{} }

// send queues a packet once there is credit, and gives the owner what is queued.
func (l *lane) send(ctx context.Context, k frame.Packet) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.granted != nil || len(l.waiting) > 0 || !l.room() {
		if err := l.wait(ctx); err != nil {
			return err
		}
	}
	if l.failed {
		l.admit()
		return nil
	}
	if parts := l.g.parts; parts != nil && len(k.Data) >= leastParts && len(l.queue) == 0 && !l.calling && l.credit > 0 {
		return l.pass(parts, k)
	}
	if _, err := l.push(k); err != nil {
		return err
	}
	l.admit()
	l.flushSoon()
	return nil
}

// room reports whether a send may be queued. mu is held.
func (l *lane) room() bool { return l.failed || l.credit > l.queued && !l.gone }

// wait waits for a turn. mu is held, and free meanwhile.
func (l *lane) wait(ctx context.Context) error {
	w := &waiter{make(chan struct{})}
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	select {
	case <-w.turn:
	case <-ctx.Done():
	}
	l.mu.Lock()
	if l.granted != w {
		l.waiting = slices.DeleteFunc(l.waiting, func(x *waiter) bool { return x == w })
		return ctx.Err()
	}
	l.granted = nil
	if err := ctx.Err(); err != nil {
		l.admit()
		return err
	}
	return nil
}

// admit gives the first send that waits its turn, if there is room. mu is held.
func (l *lane) admit() {
	if l.granted == nil && len(l.waiting) > 0 && l.room() {
		l.granted = l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		close(l.granted.turn)
	}
}

// post queues a packet, and reports whether it has to wait for credit.
func (l *lane) post(k frame.Packet) (waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return false
	}
	waits = !l.room()
	n, err := l.push(k)
	if err != nil { // what package match says is never like that
		l.g.panicked(err)
		return false
	}
	if waits {
		l.hold(n)
	}
	l.flushSoon()
	return waits
}

// push appends a packet to the queue, and returns its length. mu is held.
func (l *lane) push(k frame.Packet) (int64, error) {
	most := wire.PacketSize + len(k.Data)
	i := len(l.queue) - 1
	if i < 0 || l.queue[i].n+most > batchBytes {
		l.queue = append(l.queue, batch{buf: l.g.pool.Get(most)})
		i++
	}
	b := &l.queue[i]
	if b.n+most > len(*b.buf) {
		larger := l.g.pool.Get(max(b.n+most, min(2*len(*b.buf), frame.MaxPackets)))
		copy(*larger, (*b.buf)[:b.n])
		l.g.pool.Put(b.buf)
		b.buf = larger
	}
	data, err := wire.AppendPacket((*b.buf)[:b.n], k)
	if err != nil {
		return 0, err
	}
	n := len(data) - b.n
	b.n += n
	l.sent++
	l.queued += int64(n)
	return int64(n), nil
}

// pass gives the owner a packet, without a copy of its data. mu is held, and free during the call.
// Nothing is queued, and there is credit.
func (l *lane) pass(parts exec.PartsOwner, k frame.Packet) error {
	var buf [wire.PacketSize]byte
	head, err := wire.AppendPacketHead(buf[:0], k)
	if err != nil {
		return err
	}
	l.credit -= int64(len(head)+len(k.Data)) + frame.PacketsCost
	l.sent++
	l.calling = true
	l.mu.Unlock()
	parts.PacketParts(l.node, head, k.Data)
	l.mu.Lock()
	l.calling = false
	l.flush()
	l.admit()
	return nil
}

// flush gives the owner what is queued, as far as there is credit, unless another goroutine does.
// mu is held, and free during the calls.
func (l *lane) flush() {
	if l.calling {
		return
	}
	l.calling = true
	for len(l.queue) > 0 && l.queue[0].n > 0 && l.credit > 0 {
		b := l.queue[0]
		l.queue = slices.Delete(l.queue, 0, 1)
		l.queued -= int64(b.n)
		l.credit -= int64(b.n) + frame.PacketsCost
		l.hold(-max(l.held-l.queued, 0))
		l.mu.Unlock()
		l.g.owner.Packets(l.node, (*b.buf)[:b.n])
		l.g.pool.Put(b.buf)
		l.mu.Lock()
	}
	l.calling = false
}

// hold counts n bytes more of answers without credit. mu is held.
func (l *lane) hold(n int64) {
	if n != 0 {
		l.held += n
		l.g.held.Add(n)
	}
}

// give takes credit of the node.
func (l *lane) give(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.credit = min(l.credit+min(n, 2*l.g.window+frame.MaxPackets), l.g.window)
	l.flush()
	l.admit()
}

// waits is how many bytes of answers wait for credit.
func (l *lane) waits() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// giveUp drops what is queued, now and later. It is false if that was done before.
func (l *lane) giveUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drop()
}

// drop is giveUp. mu is held.
func (l *lane) drop() bool {
	if l.gone {
		return false
	}
	l.gone = true
	l.hold(-l.held)
	l.queue, l.queued = nil, 0
	return true
}

// fail gives up a node of which every rank has failed. Those who wait to send go on.
func (l *lane) fail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
	l.failed = true
	l.admit()
}
