package match

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/agree"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Agreement is one agreement among all members of a communicator that live, as one rank sees it.
type Agreement struct {
	scope *Scope
	vote  agree.Vote
	done  atomic.Bool

	// Number counts the agreements of the communicator, from 1. It and Decision are set when the
	// agreement is done.
	Number   uint64
	Decision agree.Decision
}

// Done reports whether the agreement is done. It ends at all members that live, whoever fails, once
// each of them has begun it.
func (a *Agreement) Done() bool { return a.done.Load() }

// Failed reports whether the members agreed that one has failed: its rank in the job.
func (a *Agreement) Failed(rank int32) bool {
	a.scope.mu.Lock()
	i := a.scope.place(rank)
	a.scope.mu.Unlock()
	return i >= 0 && a.Decision.Failed.Has(i)
}

// Agree begins the next agreement on a communicator. kind is the same at all members. The decision
// has the bits that all flags have.
func (s *Scope) Agree(kind byte, flag uint32) *Agreement {
	a := &Agreement{scope: s, vote: agree.Vote{Kind: kind, Flag: flag}}
	failed, acked := s.Failed()
	s.mu.Lock()
	for i, rank := range failed {
		at := s.place(rank)
		a.vote.Failed.Add(at)
		if i < acked {
			a.vote.Acked.Add(at)
		}
	}
	s.queue = append(s.queue, a)
	s.member()
	list := s.goOn(nil)
	s.mu.Unlock()
	s.w.carry(s, list)
	return a
}

// member is this rank's part in agreements. mu is held.
func (s *Scope) member() *agree.Member {
	if s.agreed == nil {
		s.agreed = agree.New(s.place(int32(s.e.rank)), len(s.members))
		if f := s.w.failed.Load(); f != nil {
			for _, err := range f.order {
				if i := s.place(int32(err.Rank)); i >= 0 {
					s.agreed.Fail(i)
				}
			}
		}
	}
	return s.agreed
}

// goOn ends the agreements that are decided, and begins the next one. It adds to what is to be
// sent. mu is held.
func (s *Scope) goOn(list []agree.Send) []agree.Send {
	for len(s.queue) > 0 && !s.agreed.Voting() {
		a := s.queue[0]
		if a.Number == 0 { // not begun
			last, _ := s.agreed.Last()
			a.Number = last + 1
			list = append(list, s.agreed.Vote(a.vote)...)
			continue
		}
		_, d := s.agreed.Last()
		a.Decision = *d
		s.queue[0] = nil
		s.queue = s.queue[1:]
		a.done.Store(true)
		s.e.notify()
	}
	return list
}

// hears takes a message of another member, and returns what is to be sent.
func (s *Scope) hears(from int, data []byte) (*Scope, []agree.Send) {
	m, err := agree.Parse(data, len(s.members))
	if err != nil || s.w.rankError(s.e.rank) != nil {
		return s, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.goOn(s.member().Receive(s.place(int32(from)), &m))
}

// lose says that processes have failed.
func (s *Scope) lose(failed []*RankError) {
	s.mu.Lock()
	var list []agree.Send
	for _, f := range failed {
		if i := s.place(int32(f.Rank)); i >= 0 && s.agreed != nil {
			list = s.goOn(append(list, s.agreed.Fail(i)...))
		}
	}
	s.mu.Unlock()
	s.w.carry(s, list)
}

// carry sends messages of a member. Those to ranks of this node are received at once, and what they
// answer is sent too.
func (w *World) carry(from *Scope, list []agree.Send) {
	type letter struct {
		from *Scope
		agree.Send
	}
	var queue []letter
	add := func(from *Scope, list []agree.Send) {
		for _, s := range list {
			queue = append(queue, letter{from, s})
		}
	}
	add(from, list)
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		s, to := l.from, int(l.from.members[l.To])
		if w.rankError(to) != nil || w.rankError(s.e.rank) != nil {
			continue
		}
		data := l.Message.Append(nil)
		if w.endpoints[to] == nil {
			w.cfg.Link.Post(frame.Packet{Kind: frame.PacketAgree, From: int32(s.e.rank), To: int32(to), Context: s.context, Data: data})
			continue
		}
		if at, why := w.scopes.deliver(s.context, to, s.e.rank, data); why != "" {
			w.Abort(fmt.Errorf("match: agreement of rank %d with %d: %s", s.e.rank, to, why))
		} else if at != nil {
			add(at.hears(s.e.rank, data))
		}
	}
}

// deliver is the scope of who a message is for. If there is none yet it keeps the message, or says
// why not.
func (x *scopes) deliver(context uint64, to, from int, data []byte) (s *Scope, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s = x.find(context, to); s != nil {
		return s, ""
	}
	if !x.early.keep(context, earlySaid{to, from, bytes.Clone(data)}) {
		return nil, "too much came about communicators that are not made yet"
	}
	return nil, ""
}

// agreement takes a packet of an agreement.
func (w *World) agreement(p frame.Packet) string {
	s, why := w.scopes.deliver(p.Context, int(p.To), int(p.From), p.Data)
	if s == nil {
		return why
	}
	if !s.has(int(p.From)) {
		return notMember
	}
	if _, err := agree.Parse(p.Data, len(s.members)); err != nil {
		return err.Error()
	}
	w.carry(s.hears(int(p.From), p.Data))
	return ""
}
