package match

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// RankError is the Err of a request that needs a process that has failed.
type RankError struct {
	Rank int   // of the process, at birth
	Err  error // why it failed
}

func (e *RankError) Error() string {
	return fmt.Sprintf("match: rank %d has failed: %v", e.Rank, e.Err)
}

func (e *RankError) Unwrap() error { return e.Err }

// failures are the processes of a job that have failed, as far as a node knows. It does not change.
type failures struct {
	by    map[int]*RankError
	order []*RankError // in which the node was told
}

// FailRank says that a process has failed, once; err is why. Operations that need the process end
// with a [RankError], now and later: receives from it that no message of it satisfies, sends to it,
// and those that need All of a [Scope] that it is a member of. A receive from AnySource does not
// end, but is Interrupted. All others go on. Its packets are dropped from now on. It may be a
// process of any node; one of this node that still runs gets err from Wait and Poll, so that it
// ends. Whether the failure ends the job is not decided here.
func (w *World) FailRank(rank int, err error) { w.FailRanks([]int{rank}, err) }

// FailRanks is FailRank of several processes that failed together.
func (w *World) FailRanks(ranks []int, err error) {
	fresh := w.addFailures(ranks, err)
	for _, failed := range fresh {
		if e := w.endpoints[failed.Rank]; e != nil {
			e.cancel() // it may wait for room to send
		}
		for _, e := range w.local {
			e.finishAll(e.failRank(failed.Rank, failed))
		}
	}
	for _, e := range w.local {
		e.notify() // it may probe, receive from AnySource, or be one of them
	}
	if len(fresh) > 0 {
		w.scopes.each(func(s *Scope) { s.lose(fresh) })
	}
}

// addFailures adds those that are not known yet, and returns them.
func (w *World) addFailures(ranks []int, err error) (fresh []*RankError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := failures{by: map[int]*RankError{}}
	if old := w.failed.Load(); old != nil {
		next = failures{maps.Clone(old.by), slices.Clip(old.order)}
	}
	for _, rank := range ranks {
		if next.by[rank] == nil {
			next.by[rank] = &RankError{rank, err}
			fresh = append(fresh, next.by[rank])
		}
	}
	if len(fresh) > 0 {
		next.order = append(next.order, fresh...)
		w.failed.Store(&next)
	}
	return fresh
}

// finishAll does what is left after operations were taken out of the mailbox of e.
func (e *Endpoint) finishAll(done []*Request, post []frame.Packet) {
	for _, p := range post {
		e.w.cfg.Link.Post(p)
	}
	for _, r := range done {
		r.finish()
	}
}

// Failed returns the processes that have failed, in ascending order.
func (w *World) Failed() []int {
	if failed := w.failed.Load(); failed != nil {
		return slices.Sorted(maps.Keys(failed.by))
	}
	return nil
}

// rankError is why a process failed; nil if it did not.
func (w *World) rankError(rank int) error {
	if failed := w.failed.Load(); failed != nil {
		if err := failed.by[rank]; err != nil {
			return err
		}
	}
	return nil
}

// ownFailure is why this process failed, as FailRank was told; nil if it did not.
func (e *Endpoint) ownFailure() error {
	failed := e.w.failed.Load()
	if failed == nil {
		return nil
	}
	if own := failed.by[e.rank]; own != nil {
		return own.Err
	}
	return nil
}

// Failure is a [RankError] if an operation with this envelope needs a process that has failed, or
// ends for one that the rank has not acknowledged; [ErrRevoked] if its communicator was revoked.
func (e *Endpoint) Failure(env *Envelope) error {
	if err := e.ends(env); err != nil {
		return err
	}
	if env.Peer == abi.AnySource && env.Scope != nil {
		if err := env.Scope.unacknowledged(); err != nil {
			return err
		}
	}
	return nil
}

// ends is why an operation with this envelope cannot go on; nil if it can.
func (e *Endpoint) ends(env *Envelope) error {
	if env.Scope != nil && env.Scope.Revoked() {
		return ErrRevoked
	}
	failed := e.w.failed.Load()
	if failed == nil {
		return nil
	}
	if err := failed.by[env.Peer]; err != nil {
		return err
	}
	if env.All && env.Scope != nil {
		if err := env.Scope.failure(); err != nil {
			return err
		}
	}
	return nil
}

// fails gives r its Err if it cannot go on.
func (e *Endpoint) fails(r *Request) bool {
	r.Err = e.ends(&r.env)
	return r.Err != nil
}

// Interrupted is why a receive from AnySource that is under way does not complete for now: a
// process that may send to it has failed, and the rank has not acknowledged that (ULFM, "Process
// failure notification"). Nil if there is none. It is for the request's owner.
func (r *Request) Interrupted() error {
	if r.env.Peer != abi.AnySource || r.env.Scope == nil || r.env.All || r.e.w.failed.Load() == nil || r.Done() {
		return nil
	}
	if err := r.env.Scope.unacknowledged(); err != nil {
		return err
	}
	return nil
}

// needs reports whether an operation ends when a process fails.
func (env *Envelope) needs(rank int) bool {
	return env.Peer == rank || env.All && env.Scope != nil && env.Scope.has(rank)
}

// failRank takes what needs a process out of a mailbox. It returns what is to be finished, and what
// is to be sent: messages to other processes are cancelled, and done when they answer.
func (e *Endpoint) failRank(rank int, err error) (done []*Request, cancel []frame.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fail := func(r *Request) {
		r.where, r.Err = inCopy, err
		done = append(done, r)
	}
	for r := e.stranded.head; r != nil; {
		next := r.links.next
		if r.env.needs(rank) {
			e.unstrand(r)
			fail(r)
		}
		r = next
	}
	if e.closed.Load() {
		return done, nil
	}
	var c collected
	e.drain(abi.AnySource, nil, &c) // what came before it failed
	for r := c.done.head; r != nil; r = r.links.next {
		done = append(done, r)
	}
	for _, r := range e.posted.which(func(r *Request) bool { return r.env.needs(rank) }) {
		e.posted.remove(r)
		fail(r)
	}
	for a := e.unexpected.all.head; a != nil; {
		next := a.inAll.next
		switch s := a.send; {
		case a.remote && !a.eager && a.peer == rank: // its data will not come
			e.matched(a)
			e.forget(a)
		case s != nil && (e.rank == rank || s.env.needs(rank) && s.e.rank != rank):
			e.matched(a)
			s.note = nil
			s.e.left.Add(-1)
			e.forget(a)
			fail(s)
		}
		a = next
	}
	for a := e.unexpected.taken.head; a != nil; a = a.links.next {
		if s := a.send; s != nil && e.rank == rank { // it will not receive what it has probed
			a.send = nil
			s.e.left.Add(-1)
			fail(s)
		}
	}
	for id, r := range e.sends {
		switch {
		case r.where == inSends && r.env.Peer == rank:
			delete(e.sends, id)
			fail(r)
		case r.where == inSends && r.env.needs(rank):
			cancel = r.takeBack(err, cancel)
		case r.sent && r.env.Peer == rank: // the answer to its cancellation will not come
			delete(e.sends, id)
			done = append(done, r)
		}
	}
	for id, r := range e.recvs {
		if r.from != rank {
			continue
		}
		delete(e.recvs, id)
		if r.busy {
			r.Err = err // fillPart finishes it
		} else {
			fail(r)
		}
	}
	return done, cancel
}

// takeBack ends a send to another node that nothing is known of: it is cancelled, and done with err
// once the receiver answers. The mailbox is locked.
func (r *Request) takeBack(err error, cancel []frame.Packet) []frame.Packet {
	r.Err = err
	if !r.cancelling {
		r.cancelling = true
		cancel = append(cancel, frame.Packet{Kind: frame.PacketCancel, From: int32(r.e.rank), To: int32(r.env.Peer), ID: r.id})
	}
	return cancel
}

// which are the receives that f holds for.
func (p *posted) which(f func(r *Request) bool) (list []*Request) {
	for i := range p.buckets {
		for r := p.buckets[i].head; r != nil; r = r.links.next {
			if f(r) {
				list = append(list, r)
			}
		}
	}
	for r := p.wildcards.head; r != nil; r = r.links.next {
		if f(r) {
			list = append(list, r)
		}
	}
	return list
}

// fromFailed reports whether a packet is from a process that has failed, and is to be dropped.
func (w *World) fromFailed(p frame.Packet) bool { return w.rankError(int(p.From)) != nil }
