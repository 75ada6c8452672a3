package node

import (
	"context"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// note is one frame queued for a peer.
type note struct {
	frame    frame.Frame
	deadline time.Time
	out      *outgoing // for a message: dropped from pending means not wanted any more
	task     *task     // for a Done: of this task, which takes room of the budget until it is sent

	before, after *note // in its line
}

// line is the frames queued for one peer, first to last.
type line struct {
	first, last *note
	n           int
}

func (l *line) push(x *note) {
	if x.before = l.last; x.before != nil {
		x.before.after = x
	} else {
		l.first = x
	}
	l.last = x
	l.n++
}

func (l *line) remove(x *note) {
	if x.before != nil {
		x.before.after = x.after
	} else {
		l.first = x.after
	}
	if x.after != nil {
		x.after.before = x.before
	} else {
		l.last = x.before
	}
	x.before, x.after = nil, nil
	l.n--
}

// outbox sends frames to peers, in order for each peer. A frame that the transport takes without
// waiting goes to it at once. A goroutine runs for each peer that has other frames queued, so that
// a slow peer delays no other.
type outbox struct {
	n     *Node
	quick frame.Queuer // the transport; nil if it is none

	mu     sync.Mutex
	idle   *sync.Cond           // signalled when a peer has no frames queued any more
	lines  map[mpi.PeerID]*line // while a goroutine carries it
	queued int                  // frames in all lines
	shut   bool
}

func (b *outbox) init(n *Node) {
	b.n = n
	b.quick, _ = n.cfg.Transport.(frame.Queuer)
	b.idle = sync.NewCond(&b.mu)
	b.lines = map[mpi.PeerID]*line{}
}

// quickBytes is the most data of a frame that is copied while the outbox is locked.
const quickBytes = 64 << 10

// put queues a frame without blocking. If write is set the caller may wait for the kernel. Replies
// to a peer that has [maxOutbox] frames queued are dropped: its own messages then end by their
// deadlines. So are those beyond [fewOutbox] for one peer while there are [maxOutboxes] for all.
func (b *outbox) put(to mpi.PeerID, x note, write bool) {
	b.mu.Lock()
	session, quick := b.queue(to, x)
	b.mu.Unlock()
	if !quick {
		return
	}
	b.quick.Flush(to, write)
	x.free()
	if x.out != nil {
		b.sent(x.out, session)
	}
}

// queue gives a frame to the transport, and returns its session, or puts it in the peer's line. The
// caller holds the mutex.
func (b *outbox) queue(to mpi.PeerID, x note) (session uint64, quick bool) {
	if b.shut {
		return 0, false
	}
	l := b.lines[to]
	switch {
	case l != nil && x.out == nil && (l.n >= maxOutbox || b.queued >= maxOutboxes && l.n >= fewOutbox):
		b.n.log.Warn("peer takes no answers: dropped one", "peer", to)
		x.free()
		return 0, false
	case x.out != nil && !b.n.pending.has(x.out):
		return 0, false
	case l == nil:
		if b.quick != nil && dataLen(x.frame) <= quickBytes {
			if session, ok := b.quick.Queue(to, x.frame); ok {
				return session, true
			}
		}
		l = new(line)
		b.lines[to] = l
		b.n.wg.Go(func() { b.carry(to, l) })
	}
	b.queued++
	kept := x // so that only frames that wait are put on the heap
	l.push(&kept)
	if x.out != nil {
		x.out.queued = &kept
	}
	return 0, false
}

func dataLen(f frame.Frame) int {
	switch f := f.(type) {
	case frame.Deliver:
		return len(f.Data)
	case frame.Done:
		return (mpi.MaxFailureDetail + mpi.MaxFailureStderr) * len(f.Failures)
	}
	return 0
}

// drop takes out what is queued of messages that were dropped from pending: nothing accounts for
// their bytes any more.
func (b *outbox) drop(list []*outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range list {
		if o.queued != nil {
			b.lines[o.to].remove(o.queued)
			b.queued--
			o.queued = nil
		}
	}
}

// carry sends a peer's queued frames until there are none.
func (b *outbox) carry(to mpi.PeerID, l *line) {
	for x := b.next(to, l); x != nil; x = b.next(to, l) {
		b.send(to, x)
		x.free()
	}
}

// free gives back what a frame took of the budget.
func (x *note) free() {
	if t := x.task; t != nil {
		t.n.budget.give(t.account, t.room)
	}
}

// next takes the first frame out of a line. Without any it removes the line, and returns nil.
func (b *outbox) next(to mpi.PeerID, l *line) *note {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := l.first
	if x == nil {
		delete(b.lines, to)
		b.idle.Broadcast()
		return nil
	}
	l.remove(x)
	b.queued--
	if x.out != nil {
		x.out.queued = nil
	}
	return x
}

func (b *outbox) send(to mpi.PeerID, x *note) {
	l := &b.n.pending
	if x.out != nil && !l.has(x.out) {
		return
	}
	ctx := lazyDeadline{Context: b.n.ctx, at: x.deadline}
	defer ctx.cancel()
	session, err := b.n.cfg.Transport.Send(&ctx, to, x.frame)
	switch {
	case x.out == nil:
		if err != nil {
			b.n.log.Debug("reply not sent", "peer", to, "err", err)
		}
	case err != nil:
		if o := l.take(to, x.out.id); o != nil {
			o.end(o.failure(frame.ReasonOf(err), err.Error()))
		}
	default:
		b.sent(x.out, session)
	}
}

// sent notes which session carries a message.
func (b *outbox) sent(o *outgoing, session uint64) {
	if !b.n.pending.sent(o, session) {
		o.end(o.failure(mpi.Lost, "the session was lost as the message was sent"))
	}
}

// lazyDeadline is a context with a deadline whose timer is made only once somebody waits for it.
// Most frames are sent without any waiting.
type lazyDeadline struct {
	context.Context // the parent
	at              time.Time

	mu    sync.Mutex
	armed context.Context // nil until Done is called
	stop  context.CancelFunc
}

// Deadline implements [context.Context].
func (c *lazyDeadline) Deadline() (time.Time, bool) {
	if at, ok := c.Context.Deadline(); ok && at.Before(c.at) {
		return at, true
	}
	return c.at, true
}

// Done implements [context.Context].
func (c *lazyDeadline) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed == nil {
		c.armed, c.stop = context.WithDeadline(c.Context, c.at)
	}
	return c.armed.Done()
}

// Err implements [context.Context].
func (c *lazyDeadline) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.armed != nil:
		return c.armed.Err()
	case c.Context.Err() != nil:
		return c.Context.Err()
	case !time.Now().Before(c.at):
		return context.DeadlineExceeded
	}
	return nil
}

// cancel ends what waits for the context, and frees its timer.
func (c *lazyDeadline) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
}

// close refuses further frames and waits until those queued are sent, or ctx ends.
func (b *outbox) close(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { b.mu.Lock(); b.idle.Broadcast(); b.mu.Unlock() })
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shut = true
	for len(b.lines) > 0 && ctx.Err() == nil {
		b.idle.Wait()
	}
}
