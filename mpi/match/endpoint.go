package match

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Endpoint is one rank's end. All of its methods but Post belong to the rank's own goroutine, or to tasks given to Post.
type Endpoint struct {
	w      *World
	rank   int
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	// mu guards the mailbox. No two are held at once, and none while anything blocks.
	mu         sync.Mutex
	posted     posted
	unexpected unexpectedQueue
	probing    bool                      // the rank looked for a message that was not there
	notes      []*unexpected             // to use again
	peers      map[int]*peer             // what is between this rank and others
	ids        map[messageID]*unexpected // unmatched messages of other nodes that have an ID
	sends      map[uint64]*Request       // to other nodes, by ID
	recvs      map[uint64]*Request       // whose data is to come, by ID
	lastID     uint64
	remote     int // RTS of other nodes among unexpected

	closed  atomic.Bool // set with mu held
	closing sync.Once
	pins    atomic.Int64 // copies under way to or from the guest's memory, without mu
	pending atomic.Int64 // requests under way
	left    atomic.Int64 // this rank's sends that others of this node have a note of, or copy after they had

	// Whoever changes seq wakes the owner, who parks on it.
	seq    atomic.Uint32
	parked atomic.Uint32
	parker parker
	waits  waits // the owner's
	broken error // see Break; the owner's

	tasks tasks
}

// peer is what is between this rank and another one.
type peer struct {
	held     int // bytes of its eager messages, of which it has not got the credit back
	owed     int // of those, bytes of messages that are matched
	requests int // its messages that are to come, not matched
	credit   int // of another node: bytes that it has room for
}

// messageID names a message of another node.
type messageID struct {
	from int
	id   uint64
}

// copyMost is the bytes of a copy at most that is done with a mailbox locked.
const copyMost = 8 << 10

// peer is what is known of a rank. The mailbox is locked.
func (e *Endpoint) peer(rank int) *peer {
	p := e.peers[rank]
	if p == nil {
		p = &peer{credit: e.w.cfg.Room}
		if e.peers == nil {
			e.peers = map[int]*peer{}
		}
		e.peers[rank] = p
	}
	return p
}

// count makes a request one of those under way, or completes it with ErrQueue.
func (r *Request) count() bool {
	if r.e.pending.Add(1) > int64(r.e.w.cfg.Queue) {
		r.e.pending.Add(-1)
		r.Err = ErrQueue
		return false
	}
	r.counted = true
	return true
}

// stay makes a request one that nobody will complete: the rank it needs is gone.
func (r *Request) stay() {
	r.where = nowhere
	if !r.count() {
		r.finish()
	}
}

// Send starts to send b. b must not change until r is done.
func (e *Endpoint) Send(r *Request, env Envelope, b datatype.Buffer, mode Mode) {
	r.begin(e, env, b)
	r.mode, r.send = mode, true
	to := e.w.endpoints[env.Peer]
	if to == nil {
		e.sendRemote(r)
		return
	}
	var l mailboxLock
	defer l.rescue()
	l.lock(to)
	if to.closed.Load() {
		l.unlock()
		if mode != Synchronous && r.size <= int64(e.w.cfg.Eager) {
			r.finish() // as if the receiver had ended later: it would not have looked
		} else {
			r.stay()
		}
		return
	}
	if p := to.posted.match(env.Context, e.rank, env.Tag); p != nil {
		p.where = inCopy
		p.deliver(env.Source, env.Tag, r.size)
		to.transfer(&l, p, r)
		p.finish()
		r.finish()
		return
	}
	if mode != Synchronous && r.size <= int64(e.w.cfg.Eager) && to.reserve(e.rank, int(r.size)) {
		a := to.note(env.Context, e.rank, env.Source, env.Tag, r.size)
		pack(to.room(a), &r.buf)
		to.enqueue(&l, a)
		r.finish()
		return
	}
	if !r.count() {
		l.unlock()
		r.finish()
		return
	}
	a := to.note(env.Context, e.rank, env.Source, env.Tag, r.size)
	a.send, r.note, r.where = r, a, inNote
	e.left.Add(1)
	to.enqueue(&l, a)
}

// enqueue queues a message that nothing has matched, and unlocks the mailbox.
func (e *Endpoint) enqueue(l *mailboxLock, a *unexpected) {
	e.unexpected.add(a)
	probing := e.probing
	e.probing = false
	l.unlock()
	if probing {
		e.notify()
	}
}

// reserve takes room for an eager message of a rank of this node. The mailbox is locked.
func (e *Endpoint) reserve(from, size int) bool {
	p := e.peer(from)
	if p.held+size+Overhead > e.w.cfg.Room {
		return false
	}
	p.held += size + Overhead
	return true
}

// transfer copies a message of this node to a receive of e, whose mailbox is locked, and unlocks it.
func (e *Endpoint) transfer(l *mailboxLock, to, from *Request) {
	if min(to.size, from.size) <= copyMost {
		copyData(&to.buf, &from.buf)
		l.unlock()
		return
	}
	e.pins.Add(1)
	from.e.pins.Add(1)
	l.unlock()
	defer e.unpin()
	defer from.e.unpin()
	copyData(&to.buf, &from.buf)
}

// unpin ends what Close waits for.
func (e *Endpoint) unpin() {
	if e.pins.Add(-1) == 0 && e.closed.Load() {
		e.notify()
	}
}

// Recv starts to receive into b, which passed its check.
func (e *Endpoint) Recv(r *Request, env Envelope, b datatype.Buffer) {
	r.begin(e, env, b)
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	if a := e.unexpected.find(&env); a != nil {
		e.matched(a)
		e.consume(&l, r, a)
		return
	}
	if !r.count() {
		l.unlock()
		r.finish()
		return
	}
	if !e.closed.Load() {
		r.where = inPosted
		e.posted.add(r)
	}
	l.unlock()
}

// matched takes a message out of those that a receive can find. The mailbox is locked.
func (e *Endpoint) matched(a *unexpected) {
	e.unexpected.remove(a)
	if !a.remote {
		return
	}
	if a.id != 0 {
		delete(e.ids, messageID{a.peer, a.id})
	}
	if !a.eager {
		e.remote--
		e.peer(a.peer).requests--
	}
}

// consume receives a message that is in no queue. The mailbox is locked; consume unlocks it.
func (e *Endpoint) consume(l *mailboxLock, r *Request, a *unexpected) {
	r.where = inCopy
	r.deliver(a.source, a.tag, a.size)
	switch {
	case a.eager:
		if a.size > copyMost {
			l.unlock()
			unpack(&r.buf, a.data[:r.Status.Bytes], 0)
			l.lock(e)
		} else {
			unpack(&r.buf, a.data[:r.Status.Bytes], 0)
		}
		answer := e.repay(a)
		e.forget(a)
		l.unlock()
		answer.put(e)
		r.finish()
	case a.remote:
		from, id := a.peer, a.id
		e.forget(a)
		e.clear(l, r, from, id)
	case a.send != nil:
		s := a.send
		s.note, s.where = nil, inCopy
		e.forget(a)
		e.transfer(l, r, s)
		s.e.left.Add(-1) // not before: the sender's Close would not look here
		s.finish()
		r.finish()
	default: // its sender is gone
		l.unlock()
		r.stay()
	}
}
