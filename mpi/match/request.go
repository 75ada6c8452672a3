package match

import (
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Request is a send or a receive under way. The zero value is ready for use, again and again after
// it is done, and must not be copied. It is done when Done says so; then Status and Err are set.
type Request struct {
	Status Status
	Err    error // [ErrQueue], a [RankError], [ErrRevoked], or nil

	state   atomic.Int32
	where   where // guarded as the fields below
	mode    Mode
	send    bool
	counted bool   // among the endpoint's pending ones
	then    func() // set by who makes it watched

	// Set when it starts.
	e    *Endpoint
	size int64 // of buf's data
	buf  datatype.Buffer
	env  Envelope

	// Guarded by the mutex of the mailbox it is in: the receiver's for a send within the node, else
	// e's.
	order      uint64         // of a posted receive
	links      links[Request] // in bucket, or in a pump
	bucket     *list[Request] // of posted, or its wildcards
	note       *unexpected    // of a send within the node: what it left with the receiver
	id         uint64         // with another node: this end's name for the message
	peer       uint64         // and the other's
	from       int            // of a receive that was cleared: who sends
	wants      int64          // bytes that were cleared
	got        int64          // of those, bytes that have come
	eager      bool           // the data went with the envelope
	busy       bool           // a PacketData is being copied
	cancelling bool           // an answer to PacketCancel is awaited
	sent       bool           // it is done but for that answer
}

// where is a request while it is under way.
type where byte

const (
	nowhere    where = iota
	inPosted         // a receive that nothing has matched
	inNote           // a send whose receiver has a note of it, not matched
	inSends          // a send to another node, not known to be matched
	inPump           // a send whose data is on its way
	inRecvs          // a receive whose data is to come
	inCopy           // matched; done soon
	inStranded       // the process it needs has ended: it is done only if that process fails
)

// What state may be.
const (
	pending int32 = iota
	watched       // pending, and then is to be run
	complete
)

// Done reports whether the request is complete. It takes no lock.
func (r *Request) Done() bool { return r.state.Load() == complete }

// Leaving reports whether a send to another node was matched and its data is being sent: it will
// complete without any further call by either program. It is for the request's owner.
func (r *Request) Leaving() bool {
	e := r.e
	if r.Done() || !r.send || e.w.endpoints[r.env.Peer] != nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return r.where == inPump || r.where == inCopy
}

// Then schedules then as a task of the request's endpoint once the request is done (see
// [Endpoint.Schedule]). The request must not be used anew before. Then reports false, and does
// nothing, if the request is done already.
func (r *Request) Then(then func()) bool {
	r.then = then
	e := r.e
	e.watched.Add(1)
	if !r.state.CompareAndSwap(pending, watched) {
		e.watched.Add(-1)
		r.then = nil
		return false
	}
	e.collectWatched()
	return true
}

// begin readies a request for use. Who makes it visible to others stores pending before.
func (r *Request) begin(e *Endpoint, env Envelope, b datatype.Buffer) {
	r.Status, r.Err = Status{}, nil
	r.e, r.env, r.buf, r.size = e, env, b, b.Size()
	r.mode, r.send, r.counted = Standard, false, false
	r.where = nowhere
}

// finish completes a request and tells its owner, who may use it anew at once: nobody touches it
// after that. No mailbox is locked.
func (r *Request) finish() {
	e := r.e
	r.complete()
	e.notify()
}

// complete is finish without telling the owner.
func (r *Request) complete() {
	e := r.e
	r.buf = datatype.Buffer{}
	if r.counted {
		e.pending.Add(-1)
	}
	if r.state.Swap(complete) == watched {
		then := r.then
		r.then = nil
		e.watched.Add(-1)
		e.Schedule(then, false)
	}
}

// finishOwn completes a request that nobody else has seen, within the call that started it. Nothing
// waits for it yet.
func (r *Request) finishOwn() {
	r.buf = datatype.Buffer{}
	if r.state.Load() != complete {
		r.state.Store(complete)
	}
}

// sentSmall is begin and finishOwn for a send that went into a ring: only its result will be looked
// at.
func (r *Request) sentSmall(e *Endpoint) {
	r.Status, r.Err = Status{}, nil
	r.e, r.send, r.counted, r.where = e, true, false, nowhere
	if r.state.Load() != complete {
		r.state.Store(complete)
	}
}

// deliver says what a receive gets of a message of size bytes: as much as there is room for.
func (r *Request) deliver(source, tag int32, size int64) {
	r.Status = Status{Source: source, Tag: tag, Bytes: size}
	if size > r.size {
		r.Status.Bytes, r.Status.Truncated = r.size, true
	}
}
