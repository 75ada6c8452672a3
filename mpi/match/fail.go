package match

import (
	"errors"
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

// FailRank says that a process has failed, once; err is why. Operations that need the process end
// with a [RankError], now and later: receives from it that no message of it satisfies, sends to it,
// and those with it among [Envelope].Members. All others go on. Its packets are dropped from now
// on. It may be a process of any node; one of this node that still runs gets err from Wait and
// Poll, so that it ends. Whether the failure ends the job is not decided here.
func (w *World) FailRank(rank int, err error) { w.FailRanks([]int{rank}, err) }

// FailRanks is FailRank of several processes that failed together.
func (w *World) FailRanks(ranks []int, err error) {
	w.mu.Lock()
	failed := map[int]error{}
	if old := w.failed.Load(); old != nil {
		maps.Copy(failed, *old)
	}
	var fresh []int
	for _, rank := range ranks {
		if _, known := failed[rank]; !known {
			failed[rank] = &RankError{rank, err}
			fresh = append(fresh, rank)
		}
	}
	if len(fresh) > 0 {
		w.failed.Store(&failed)
	}
	w.mu.Unlock()
	for _, rank := range fresh {
		if e := w.endpoints[rank]; e != nil {
			e.cancel() // it may wait for room to send
		}
		for _, e := range w.local {
			done, cancel := e.failRank(rank, failed[rank])
			for _, p := range cancel {
				w.cfg.Link.Post(p)
			}
			for _, r := range done {
				r.finish()
			}
		}
	}
	for _, e := range w.local {
		e.notify() // it may probe, or be one of them
	}
}

// Failed returns the processes that have failed, in ascending order.
func (w *World) Failed() []int {
	if failed := w.failed.Load(); failed != nil {
		return slices.Sorted(maps.Keys(*failed))
	}
	return nil
}

// rankError is why a process failed; nil if it did not.
func (w *World) rankError(rank int) error {
	if failed := w.failed.Load(); failed != nil {
		return (*failed)[rank]
	}
	return nil
}

// ownFailure is why this process failed, as FailRank was told; nil if it did not.
func (e *Endpoint) ownFailure() error {
	var own *RankError
	if errors.As(e.w.rankError(e.rank), &own) {
		return own.Err
	}
	return nil
}

// Failure is a [RankError] if an operation with this envelope needs a process that has failed.
func (e *Endpoint) Failure(env *Envelope) error {
	failed := e.w.failed.Load()
	if failed == nil {
		return nil
	}
	if err := (*failed)[env.Peer]; err != nil {
		return err
	}
	if env.Members != nil {
		for _, m := range *env.Members {
			if err := (*failed)[int(m)]; err != nil {
				return err
			}
		}
	}
	return nil
}

// fails gives r its Err if it needs a process that has failed.
func (e *Endpoint) fails(r *Request) bool {
	if e.w.failed.Load() == nil {
		return false
	}
	r.Err = e.Failure(&r.env)
	return r.Err != nil
}

// needs reports whether an operation ends when a process fails.
func (env *Envelope) needs(rank int) bool {
	return env.Peer == rank || env.Members != nil && slices.Contains(*env.Members, int32(rank))
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
	for _, r := range e.posted.needing(rank) {
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
			r.Err = err
			if !r.cancelling {
				r.cancelling = true
				cancel = append(cancel, frame.Packet{Kind: frame.PacketCancel, From: int32(e.rank), To: int32(r.env.Peer), ID: id})
			}
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

// needing are the receives that end when a process fails.
func (p *posted) needing(rank int) (list []*Request) {
	for i := range p.buckets {
		for r := p.buckets[i].head; r != nil; r = r.links.next {
			if r.env.needs(rank) {
				list = append(list, r)
			}
		}
	}
	for r := p.wildcards.head; r != nil; r = r.links.next {
		if r.env.needs(rank) {
			list = append(list, r)
		}
	}
	return list
}

// fromFailed reports whether a packet is from a process that has failed, and is to be dropped.
func (w *World) fromFailed(p frame.Packet) bool { return w.rankError(int(p.From)) != nil }
