package match

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/agree"
)

// ErrRevoked is the Err of a request on a communicator that was revoked.
var ErrRevoked = errors.New("match: the communicator was revoked")

// Scope is a communicator as one rank sees it: the processes whose failure ends operations on it,
// the failures that the rank has acknowledged, and whether it was revoked. Operations name it in
// their [Envelope]. The rank's goroutine calls its methods, unless they say otherwise.
type Scope struct {
	w       *World
	e       *Endpoint
	members []int32
	part    *Scope // of which this is a part
	context uint64

	revoked atomic.Bool
	acked   atomic.Int64 // of the world's failures, in their order
	// Of the world's failures the first checked ones were looked at; hurt is the first of them that
	// is a member's. Both change under mu.
	checked atomic.Int64
	hurt    atomic.Pointer[RankError]

	mu     sync.Mutex    // guards the rest
	agreed *agree.Member // nil until there is an agreement
	queue  []*Agreement  // begun by this rank; the first is under way
	places map[int32]int // index of members
}

// Open makes the scope of a communicator: its context, and all processes that are in it, of both
// groups, in the same order at all of them. They must not change. Release ends it.
func (e *Endpoint) Open(context uint64, members []int32) *Scope {
	s := &Scope{w: e.w, e: e, members: members, context: context}
	e.w.scopes.open(s)
	return s
}

// Part is a scope for some members of s. It is revoked with s, and needs no Release.
func (s *Scope) Part(members []int32) *Scope {
	return &Scope{w: s.w, e: s.e, members: members, context: s.context, part: s}
}

// whole is the scope that s is a part of, or s.
func (s *Scope) whole() *Scope {
	if s.part != nil {
		return s.part
	}
	return s
}

// Release says that the communicator was freed. Operations that are under way go on.
func (s *Scope) Release() { s.w.scopes.release(s) }

// Revoked reports whether the communicator was revoked. Any goroutine may ask.
func (s *Scope) Revoked() bool { return s.whole().revoked.Load() }

// Failure is a [RankError] if a member has failed, or [ErrRevoked].
func (s *Scope) Failure() error {
	if s.Revoked() {
		return ErrRevoked
	}
	if err := s.failure(); err != nil {
		return err
	}
	return nil
}

// failure is the first failure of a member, nil if there is none.
func (s *Scope) failure() *RankError {
	f := s.w.failed.Load()
	if f == nil {
		return nil
	}
	if err := s.hurt.Load(); err != nil {
		return err
	}
	if int(s.checked.Load()) == len(f.order) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range f.order[min(int(s.checked.Load()), len(f.order)):] {
		if s.place(int32(err.Rank)) >= 0 {
			s.hurt.CompareAndSwap(nil, err)
			break
		}
		s.checked.Add(1)
	}
	return s.hurt.Load()
}

// smallScope is the members up to which place looks through the list.
const smallScope = 16

// place is the index of a member, -1 if it is none. mu is held.
func (s *Scope) place(rank int32) int {
	if rank >= 0 && int(rank) < len(s.members) && s.members[rank] == rank {
		return int(rank)
	}
	if len(s.members) <= smallScope {
		return slices.Index(s.members, rank)
	}
	if s.places == nil {
		s.places = make(map[int32]int, len(s.members))
		for i, m := range s.members {
			s.places[m] = i
		}
	}
	if i, ok := s.places[rank]; ok {
		return i
	}
	return -1
}

func (s *Scope) has(rank int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.place(int32(rank)) >= 0
}

// Failed returns the members that have failed, in the order in which this node was told, and how
// many of them the rank has acknowledged: the first ones.
func (s *Scope) Failed() (list []int32, acked int) {
	f := s.w.failed.Load()
	if f == nil {
		return nil, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, err := range f.order {
		if s.place(int32(err.Rank)) >= 0 {
			list = append(list, int32(err.Rank))
			if i < int(s.acked.Load()) {
				acked++
			}
		}
	}
	return list, acked
}

// Acknowledge acknowledges the first n failures of [Scope.Failed], besides those that are already.
func (s *Scope) Acknowledge(n int) {
	f := s.w.failed.Load()
	if f == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(f.order) && n > 0; i++ {
		if s.place(int32(f.order[i].Rank)) >= 0 {
			n--
			s.acked.Store(max(s.acked.Load(), int64(i+1)))
		}
	}
}

// unacknowledged is the first failure of a member that the rank has not acknowledged.
func (s *Scope) unacknowledged() *RankError {
	if s.failure() == nil {
		return nil
	}
	f := s.w.failed.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range f.order[min(int(s.acked.Load()), len(f.order)):] {
		if s.place(int32(err.Rank)) >= 0 {
			return err
		}
	}
	return nil
}

// scopes are those of all ranks of this node.
type scopes struct {
	mu   sync.Mutex
	list map[uint64][]*Scope // by context
	// Of communicators that were freed, the last ones: others may still ask for their decisions,
	// and operations may be under way.
	freed, agreed []*Scope
	early         early
}

const (
	keptFreed  = 64      // scopes that are kept of freed communicators
	keptAgreed = 1 << 10 // those of them that there was an agreement in
)

func (x *scopes) open(s *Scope) {
	x.mu.Lock()
	if x.list == nil {
		x.list = map[uint64][]*Scope{}
	}
	revoked := x.early.wasRevoked(s)
	for _, o := range x.list[s.context] {
		revoked = revoked || o.revoked.Load() && slices.Equal(o.members, s.members)
	}
	s.revoked.Store(revoked)
	x.list[s.context] = append(x.list[s.context], s)
	said := x.early.take(s)
	x.mu.Unlock()
	if revoked {
		s.e.finishAll(s.e.revoke(s.context))
		s.tellRevoked()
	}
	for _, m := range said {
		s.w.carry(s.hears(m.from, m.data))
	}
}

// of is the scope of a rank, nil if there is none.
func (x *scopes) of(context uint64, rank int) *Scope {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.find(context, rank)
}

// find is of with mu held.
func (x *scopes) find(context uint64, rank int) *Scope {
	for _, s := range x.list[context] {
		if s.e.rank == rank {
			return s
		}
	}
	return nil
}

// each calls f for every scope.
func (x *scopes) each(f func(s *Scope)) {
	x.mu.Lock()
	var all []*Scope
	for _, list := range x.list {
		all = append(all, list...)
	}
	x.mu.Unlock()
	for _, s := range all {
		f(s)
	}
}

func (x *scopes) release(s *Scope) {
	s.mu.Lock()
	kept, most := &x.freed, keptFreed
	if s.agreed != nil {
		kept, most = &x.agreed, keptAgreed
	}
	s.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if *kept = append(*kept, s); len(*kept) > most {
		x.drop((*kept)[0])
		(*kept)[0] = nil
		*kept = (*kept)[1:]
	}
}

// drop forgets a scope. mu is held.
func (x *scopes) drop(s *Scope) {
	list := slices.DeleteFunc(x.list[s.context], func(o *Scope) bool { return o == s })
	if len(list) == 0 {
		delete(x.list, s.context)
	} else {
		x.list[s.context] = list
	}
}

// early is what came about communicators that the rank has not made yet: others were faster.
type early struct {
	revoked []earlyRevoked // the last ones
	said    map[uint64][]earlySaid
	bytes   int
}

// earlyRevoked is that a process revoked a communicator.
type earlyRevoked struct {
	context uint64
	from    int
}

type earlySaid struct {
	to, from int
	data     []byte
}

const (
	maxEarlyRevoked = 1 << 8
	// maxEarly bounds the bytes of messages of agreements that ranks of a node keep until they have
	// made the communicators.
	maxEarly       = 4 << 20
	earlySaidBytes = 128
)

// revoke remembers that a communicator was revoked.
func (x *early) revoke(r earlyRevoked) {
	if slices.Contains(x.revoked, r) {
		return
	}
	if x.revoked = append(x.revoked, r); len(x.revoked) > maxEarlyRevoked {
		x.revoked = x.revoked[1:]
	}
}

// wasRevoked reports whether a new communicator was revoked.
func (x *early) wasRevoked(s *Scope) bool {
	return slices.ContainsFunc(x.revoked, func(r earlyRevoked) bool { return r.context == s.context && s.has(r.from) })
}

// keep keeps a message, and reports false if there is no room.
func (x *early) keep(context uint64, m earlySaid) bool {
	if x.bytes+len(m.data)+earlySaidBytes > maxEarly {
		return false
	}
	if x.said == nil {
		x.said = map[uint64][]earlySaid{}
	}
	x.bytes += len(m.data) + earlySaidBytes
	x.said[context] = append(x.said[context], m)
	return true
}

// take returns what came for a scope.
func (x *early) take(s *Scope) (list []earlySaid) {
	if x.said[s.context] == nil {
		return nil
	}
	var left []earlySaid
	for _, m := range x.said[s.context] {
		if m.to != s.e.rank {
			left = append(left, m)
			continue
		}
		x.bytes -= len(m.data) + earlySaidBytes
		list = append(list, m)
	}
	if left == nil {
		delete(x.said, s.context)
	} else {
		x.said[s.context] = left
	}
	return list
}
