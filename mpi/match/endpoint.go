package match

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Endpoint is one rank's end. All of its methods but Schedule belong to the rank's own goroutine,
// or to tasks given to Schedule.
type Endpoint struct {
	w      *World
	rank   int
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	waits  waits // the owner's
	broken error // see Break; the owner's
	// rings to this rank; nil for none; changed with mu held
	rings atomic.Pointer[[]ringed]

	describe  func(*Waiting) // nil for nobody
	published bool           // why the owner waits; the owner's
	waiting   waiting
	// The owner's, for Standing: how often it began or ceased to park, odd while it parks; what seq
	// was when it parked last; and whether it has ended.
	parks    atomic.Uint64
	parkedAt atomic.Uint32
	ended    atomic.Bool

	_ [64]byte // what the owner reads and what others write are on cache lines of their own

	// mu guards the mailbox. No two are held at once, and none while anything blocks.
	mu         sync.Mutex
	closed     atomic.Bool  // set with mu held
	pending    atomic.Int64 // requests under way
	posted     posted
	unexpected unexpectedQueue
	probing    bool                      // the rank looked for a message that was not there
	notes      []*unexpected             // to use again
	peers      map[int]*peer             // what is between this rank and others
	ids        map[messageID]*unexpected // unmatched messages of other nodes that have an ID
	sends      map[uint64]*Request       // to other nodes, by ID
	recvs      map[uint64]*Request       // whose data is to come, by ID
	lastID     uint64
	remote     int           // RTS of other nodes among unexpected
	stranded   list[Request] // see strand
	deaf       deaf

	closing sync.Once
	pins    atomic.Int64 // copies under way to or from the guest's memory, without mu
	// this rank's sends that others of this node have a note of or stranded, or copy after they had
	left atomic.Int64

	_ [64]byte

	// Whoever changes seq wakes the owner, who parks on it.
	seq    atomic.Uint32
	parker parker

	_ [64]byte

	// What senders look at after each message: it changes rarely.
	parked  atomic.Uint32
	watched atomic.Int32 // requests with a task to follow: see Request.Then

	_ [64]byte

	out outbox

	_ [64]byte

	tasks tasks
}

// peer is what is between this rank and another one.
type peer struct {
	// of another node: bytes of its eager messages, of which it has not got the credit back
	held     int
	owed     int  // of those, bytes of messages that are matched
	requests int  // its messages that are to come, not matched
	credit   int  // of another node: bytes that it has room for
	said     said // about its next message, if it is of another node
}

// messageID names a message of another node.
type messageID struct {
	from int
	id   uint64
}

// maxLockedCopy is the most bytes that are copied with a mailbox locked.
const maxLockedCopy = 8 << 10

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

// strand keeps a request that nobody will complete, because the process it needs has ended, unless
// that process is said to have failed: a send to this rank, or a receive of it. The mailbox is
// locked.
func (e *Endpoint) strand(r *Request) work {
	r.state.Store(pending)
	if !r.count() {
		return work{done: r}
	}
	if r.send {
		r.e.left.Add(1)
	}
	r.where = inStranded
	e.stranded.push(r, &r.links)
	return work{}
}

// unstrand undoes strand. The mailbox is locked.
func (e *Endpoint) unstrand(r *Request) {
	e.stranded.remove(&r.links)
	if r.send {
		r.e.left.Add(-1)
	}
}

// Send starts to send b. b must not change until r is done.
func (e *Endpoint) Send(r *Request, env Envelope, b datatype.Buffer, mode Mode) {
	to := e.w.endpoints[env.Peer]
	small := to != nil && to != e && mode != Synchronous && env.Note == nil && b.Size() <= maxRinged && e.ends(&env) == nil
	if small {
		var data []byte
		if data, small = b.Bytes(); small && e.sendRinged(to, &env, data) {
			r.sentSmall(e)
			return
		}
	}
	r.begin(e, env, b)
	r.mode, r.send = mode, true
	if to == nil {
		e.sendRemote(r)
		return
	}
	e.sendMailbox(r, to, small)
}

// sendMailbox sends to a rank of this node by its mailbox. small says that the message would have
// gone through a ring, had there been one with room.
func (e *Endpoint) sendMailbox(r *Request, to *Endpoint, small bool) {
	env := &r.env
	var c collected
	var l mailboxLock
	defer l.rescue()
	l.lock(to)
	if e.fails(r) {
		l.unlock()
		r.finishOwn()
		return
	}
	to.drain(e.rank, nil, &c) // what this rank sent before
	if small && !to.closed.Load() && e.equip(to) {
		c.probing = true // the owner, if it waits, does not look into this ring yet
	}
	p := to.posted.match(env.Context, e.rank, env.Tag)
	if p == nil {
		probing, done := to.receiveNote(r)
		l.unlock()
		c.finish(to)
		if done {
			r.finishOwn()
		}
		if probing {
			to.notify()
		}
		return
	}
	p.where = inCopy
	p.deliver(env.Source, env.Tag, r.size)
	p.Status.Note = env.Note
	if min(p.size, r.size) <= maxLockedCopy {
		copyData(&p.buf, &r.buf)
		l.unlock()
	} else {
		to.pins.Add(1)
		e.pins.Add(1)
		l.unlock()
		copyPinned(p, r)
	}
	c.complete() // p.finish tells the owner
	p.finish()
	r.finishOwn()
}

// receiveNote takes a send of this node that no receive matches: its data, or a note of who has it.
// It reports whether the owner probes and is to be notified, and whether the send is done. The
// mailbox is locked.
func (e *Endpoint) receiveNote(r *Request) (probing, done bool) {
	eager := r.mode != Synchronous && r.size <= int64(e.w.cfg.Eager)
	from := r.e.rank
	if e.closed.Load() {
		if eager {
			return false, true // as if the receiver had ended later without receiving it
		}
		return false, e.strand(r).done != nil
	}
	if eager {
		if p := r.e.reserve(e, int(r.size)); p != nil {
			a := e.note(r.env.Context, from, r.env.Source, r.env.Tag, r.size)
			a.pair, a.said = p, r.env.Note
			pack(e.room(a), &r.buf)
			return e.enqueue(a), true
		}
	}
	if !r.count() {
		return false, true
	}
	a := e.note(r.env.Context, from, r.env.Source, r.env.Tag, r.size)
	r.state.Store(pending)
	a.send, a.said, r.note, r.where = r, r.env.Note, a, inNote
	r.e.left.Add(1)
	return e.enqueue(a), false
}

// enqueue queues a message that nothing has matched, and reports whether the owner probes and is to
// be notified. The mailbox is locked.
func (e *Endpoint) enqueue(a *unexpected) (probing bool) {
	e.unexpected.add(a)
	probing = e.probing
	e.probing = false
	return probing
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
	r.state.Store(pending)
	var c collected
	var l mailboxLock
	defer l.rescue()
	l.lock(e)
	if env.Peer == abi.AnySource {
		e.drain(env.Peer, nil, &c)
	}
	if a := e.unexpected.find(&r.env); a != nil {
		e.matched(a)
		left := e.consume(r, a)
		l.unlock()
		c.finish(e)
		left.do()
		return
	}
	done := env.Peer != abi.AnySource && e.drain(env.Peer, r, &c)
	if !done {
		if int64(e.posted.count)+e.pending.Load() >= int64(e.w.cfg.Queue) {
			r.Err = ErrQueue
		}
		done = r.Err != nil || e.fails(r)
	}
	if !done && !e.closed.Load() {
		r.where = inPosted
		e.posted.add(r)
	}
	l.unlock()
	c.finish(e)
	if done {
		r.finishOwn()
	}
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

// consume receives a message that is in no queue. The mailbox is locked.
func (e *Endpoint) consume(r *Request, a *unexpected) work {
	r.where = inCopy
	r.deliver(a.source, a.tag, a.size)
	r.Status.Note = a.said
	switch {
	case a.eager && a.size > maxLockedCopy:
		return work{done: r, large: a}
	case a.eager:
		unpack(&r.buf, a.data[:r.Status.Bytes], 0)
		left := e.repay(a)
		left.done = r
		e.forget(a)
		return left
	case a.remote:
		from, id := a.peer, a.id
		e.forget(a)
		if r.Err = e.w.rankError(from); r.Err != nil {
			return work{done: r}
		}
		return e.clear(r, from, id)
	case a.send != nil:
		s := a.send
		s.note, s.where = nil, inCopy
		e.forget(a)
		if min(r.size, s.size) <= maxLockedCopy {
			copyData(&r.buf, &s.buf)
			s.e.left.Add(-1)
			return work{done: r, sent: s}
		}
		e.pins.Add(1)
		s.e.pins.Add(1)
		s.e.left.Add(-1) // not before the pin: the sender's Close would not wait
		return work{done: r, sent: s, copy: true}
	default: // its sender is gone
		if r.Err = e.w.rankError(a.peer); r.Err != nil {
			return work{done: r}
		}
		return e.strand(r)
	}
}
