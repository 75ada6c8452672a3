package coll

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Schedule is one collective of one rank: see the package's comment. The rank's goroutine calls its
// methods.
type Schedule struct {
	engine *Engine
	end    *match.Endpoint
	team   Team
	tag    int32
	// steps that are added have peers of the local group though there is a remote one
	local     bool
	op        Op
	cost      int64
	temps     []*[]byte
	steps     []step
	reduction reduction // while steps are added

	// These belong to whoever holds the last count of pending: the rank's goroutine in start and
	// drive, or one task after the other.
	next     int
	requests []match.Request // of the round
	sizes    []int64         // bytes that each has to receive; -1 for a send
	used     int             // of requests
	seen     int             // of those, that are known to be done, if driven
	err      error
	driven   bool // the rank waits and drives it; else tasks do
	started  bool

	pending atomic.Int32 // requests of the round that are not done, and one for the round itself
	done    atomic.Bool
	oneDone func()      // requestDone
	driver  func() bool // drive
	resume  func()      // run, on the rank's own goroutine
}

type kind byte

const (
	stepSend   kind = iota // a to peer
	stepRecv               // b from peer
	stepCopy               // a to b
	stepReduce             // b = a op b
	stepFence              // all before is done
)

type step struct {
	kind   kind
	remote bool // peer is of the remote group
	peer   int32
	a, b   datatype.Buffer
}

// fail makes the schedule one that does nothing but fail with the first such error.
func (s *Schedule) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Err is why the schedule could not be made; it must not be started then.
func (s *Schedule) Err() error { return s.err }

func (s *Schedule) add(st step) {
	if n := max(len(s.steps), 8); s.err == nil && len(s.steps) == cap(s.steps) && s.charge((stepSize+requestSize)*int64(n)) {
		s.steps = slices.Grow(s.steps, n)
	}
	if s.err == nil {
		s.steps = append(s.steps, st)
	}
}

func (s *Schedule) remote() bool { return s.team.Remote != nil && !s.local }

// send sends b to a rank of the group that operations are with: the remote one, if there is one,
// unless s.local.
func (s *Schedule) send(peer int, b datatype.Buffer) {
	s.add(step{kind: stepSend, remote: s.remote(), peer: int32(peer), a: b})
}

// recv receives b from a rank of the same group.
func (s *Schedule) recv(peer int, b datatype.Buffer) {
	s.add(step{kind: stepRecv, remote: s.remote(), peer: int32(peer), b: b})
}

// copy copies all of src to dst.
func (s *Schedule) copy(dst, src datatype.Buffer) {
	switch n, room := src.Size(), dst.Size(); {
	case n > room:
		s.fail(fmt.Errorf("%w (%d bytes for %d)", ErrLong, n, room))
	case n < room:
		s.fail(fmt.Errorf("%w (%d bytes for %d)", ErrShort, n, room))
	case n > 0:
		s.add(step{kind: stepCopy, a: src, b: dst})
	}
}

// reduce computes inout = in op inout.
func (s *Schedule) reduce(in, inout datatype.Buffer) {
	if in.Count > 0 {
		s.add(step{kind: stepReduce, a: in, b: inout})
	}
}

// fence ends a round.
func (s *Schedule) fence() {
	if n := len(s.steps); n > 0 && s.steps[n-1].kind != stepFence {
		s.add(step{kind: stepFence})
	}
}

// Start runs the schedule, anew if it ran before. It goes on by itself.
func (s *Schedule) Start() { s.start(false) }

// Run runs the schedule to its end, on the rank's goroutine alone, and says what it came to.
func (s *Schedule) Run() error {
	s.start(true)
	if !s.Done() {
		if err := s.end.Wait(s.driver); err != nil {
			return err
		}
	}
	return s.err
}

// drive goes on as far as it can without waiting and reports whether that is the end. There is none
// when the job is over, which Wait looks at.
func (s *Schedule) drive() bool {
	for !s.Done() {
		if s.end.Over() {
			return false
		}
		for ; s.seen < s.used; s.seen++ {
			if !s.requests[s.seen].Done() {
				return false
			}
		}
		if s.settle() {
			s.run(true)
		}
	}
	return true
}

func (s *Schedule) start(driven bool) {
	if !s.started {
		s.fence()
		s.prepare()
	}
	s.started = true
	s.done.Store(false)
	s.next, s.used, s.seen, s.err, s.driven = 0, 0, 0, nil, driven
	s.pending.Store(1)
	s.run(true)
}

// prepare makes room for the requests of the largest round.
func (s *Schedule) prepare() {
	most, n := 0, 0
	for i := range s.steps {
		switch s.steps[i].kind {
		case stepSend, stepRecv:
			n++
		case stepFence:
			most, n = max(most, n), 0
		}
	}
	if len(s.requests) < most {
		s.requests, s.sizes = make([]match.Request, most), make([]int64, most)
	}
}

// Started reports whether the schedule was ever started.
func (s *Schedule) Started() bool { return s.started }

// Done reports whether the schedule is complete.
func (s *Schedule) Done() bool { return s.done.Load() }

// Finish is what a schedule came to that is done.
func (s *Schedule) Finish() error { return s.err }

// run runs steps until a round has to be waited for, or the end. own says that this is the rank's
// own goroutine. When the job is over it stops where it is: the schedule is never done, because
// messages may still be under way to its temporaries, and whoever waits is told of the job's end.
func (s *Schedule) run(own bool) {
	for s.next < len(s.steps) {
		if s.end.Over() {
			return
		}
		st := &s.steps[s.next]
		switch st.kind {
		case stepSend, stepRecv:
			s.issue(st)
		case stepCopy:
			datatype.CopyUntil(st.b, st.a, s.end.Over)
		case stepReduce:
			if s.op.User != nil && !own {
				s.end.Schedule(s.resume, true)
				return
			}
			if err := s.op.combine(st.a, st.b, s.end.Over); err != nil {
				s.finish(err)
				return
			}
		case stepFence:
			s.next++
			if s.driven {
				if s.used > 0 {
					return
				}
			} else if s.pending.Add(-1) > 0 || !s.settle() {
				return
			}
			continue
		}
		s.next++
	}
	s.finish(nil)
}

// issue starts the send or receive of a step.
func (s *Schedule) issue(st *step) {
	i := s.used
	s.used++
	r := &s.requests[i]
	members, tag := s.team.Members, s.tag
	if st.remote {
		members = s.team.Remote
	} else if s.team.Remote != nil {
		tag |= localTag
	}
	env := match.Envelope{Context: s.team.Context, Peer: int(members[st.peer]), Source: st.peer, Tag: tag, Scope: s.team.Scope, All: true}
	if st.kind == stepSend {
		s.sizes[i] = -1
		env.Source = int32(s.team.Rank)
		s.end.Send(r, env, st.a, match.Standard)
	} else {
		s.sizes[i] = st.b.Size()
		s.end.Recv(r, env, st.b)
	}
	if !s.driven {
		s.pending.Add(1)
		if !r.Then(s.oneDone) {
			s.pending.Add(-1) // not the last: the round itself counts
		}
	}
}

// requestDone runs once a request of the round is done.
func (s *Schedule) requestDone() {
	if s.pending.Add(-1) == 0 && s.settle() {
		s.run(false)
	}
}

// settle checks the requests of a round, which are all done, and readies the next round. It reports
// false if the schedule is over.
func (s *Schedule) settle() bool {
	for i := range s.used {
		r := &s.requests[i]
		switch n := s.sizes[i]; {
		case r.Err != nil:
			s.finish(r.Err)
			return false
		case n < 0:
		case r.Status.Truncated:
			s.fail(fmt.Errorf("%w (more than %d bytes from rank %d)", ErrLong, n, r.Status.Source))
		case r.Status.Bytes < n:
			s.fail(fmt.Errorf("%w (%d bytes of %d from rank %d)", ErrShort, r.Status.Bytes, n, r.Status.Source))
		}
	}
	s.used, s.seen = 0, 0
	s.pending.Store(1)
	return true
}

// finish ends the schedule. Where sizes do not agree, the schedule still runs to its end, so that
// no other rank waits for this one.
func (s *Schedule) finish(err error) {
	if err != nil {
		s.err = err
	}
	s.done.Store(true)
}
