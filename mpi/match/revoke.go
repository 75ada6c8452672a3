package match

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Revoke revokes the communicator (ULFM, MPIX_Comm_revoke): whatever is under way on it ends with
// [ErrRevoked] at every member, and so does what begins later. It returns at once. Whoever hears of
// it first on a node tells all members on others, so they hear of it even if this rank fails
// meanwhile.
func (s *Scope) Revoke() { s.w.revoke(s.context, s.e.rank) }

// revoke revokes a communicator at the ranks of this node, and tells others if that is news here.
// from is the member that says so.
func (w *World) revoke(context uint64, from int) {
	list, news := w.scopes.revoke(context, from)
	for _, s := range list {
		s.e.finishAll(s.e.revoke(context))
		s.e.notify()
	}
	if news {
		list[0].tellRevoked()
	}
}

// revoke marks the scopes of a communicator. It returns those that were not marked, and whether
// none was. Communicators without a common member may have the same context.
func (x *scopes) revoke(context uint64, from int) (list []*Scope, news bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	known := false
	for _, s := range x.list[context] {
		switch {
		case !s.has(from):
		case s.revoked.Swap(true):
			known = true
		default:
			list = append(list, s)
		}
	}
	if !known && len(list) == 0 {
		x.early.revoke(earlyRevoked{context, from})
	}
	return list, !known && len(list) > 0
}

// tellRevoked tells the members on other nodes.
func (s *Scope) tellRevoked() {
	from := -1
	for _, e := range s.w.local { // a failed process is not listened to
		if s.w.rankError(e.rank) == nil && s.has(e.rank) {
			from = e.rank
			break
		}
	}
	if from < 0 {
		return
	}
	for _, m := range s.members {
		if s.w.endpoints[m] == nil && s.w.rankError(int(m)) == nil {
			s.w.cfg.Link.Post(frame.Packet{Kind: frame.PacketRevoke, From: int32(from), To: m, Context: s.context})
		}
	}
}

// revoked takes a packet that says that a communicator was revoked.
func (w *World) revoked(p frame.Packet) string {
	if s := w.scopes.of(p.Context, int(p.To)); s != nil && !s.has(int(p.From)) {
		return notMember
	}
	w.revoke(p.Context, int(p.From))
	return ""
}

const notMember = "it is not a member of the communicator"

// on reports whether an operation is on a communicator.
func (env *Envelope) on(context uint64) bool {
	return env.Scope != nil && env.Scope.context == context
}

// deaf is the communicators that were revoked, by their contexts: eager messages for them are
// dropped, or they would take room for ever. The last maxDeaf of them are known.
type deaf struct {
	set   map[uint64]bool
	order []uint64
}

const maxDeaf = 1 << 10

func (d *deaf) add(context uint64) {
	if d.set == nil {
		d.set = map[uint64]bool{}
	}
	if d.set[context] {
		return
	}
	d.set[context] = true
	if d.order = append(d.order, context); len(d.order) > maxDeaf {
		delete(d.set, d.order[0])
		d.order = d.order[1:]
	}
}

// to reports whether a message is for such a communicator: its own, or one of a collective.
func (d *deaf) to(context uint64) bool { return d.set != nil && d.set[context&^1] }

// revoke takes the operations on a communicator out of a mailbox. It returns what is to be
// finished, and what is to be sent. Messages to other nodes are cancelled, and done when they
// answer. Those that were matched arrive.
func (e *Endpoint) revoke(context uint64) (done []*Request, post []frame.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fail := func(r *Request) {
		r.where, r.Err = inCopy, ErrRevoked
		done = append(done, r)
	}
	for r := e.stranded.head; r != nil; {
		next := r.links.next
		if r.env.on(context) {
			e.unstrand(r)
			fail(r)
		}
		r = next
	}
	if e.closed.Load() {
		return done, nil
	}
	e.deaf.add(context)
	for _, r := range e.posted.which(func(r *Request) bool { return r.env.on(context) }) {
		e.posted.remove(r)
		fail(r)
	}
	for a := e.unexpected.all.head; a != nil; {
		next := a.inAll.next
		switch s := a.send; {
		case s != nil && s.env.on(context):
			e.matched(a)
			s.note = nil
			s.e.left.Add(-1)
			e.forget(a)
			fail(s)
		case a.eager && a.id == 0 && e.deaf.to(a.context):
			e.matched(a)
			if left := e.repay(a); left.credit.Kind != 0 {
				post = append(post, left.credit)
			}
			e.forget(a)
		}
		a = next
	}
	for a := e.unexpected.taken.head; a != nil; a = a.links.next {
		switch s := a.send; {
		case s != nil && s.env.on(context):
			a.send = nil
			s.e.left.Add(-1)
			fail(s)
		case a.id != 0 && e.deaf.to(a.context): // its sender may know already that it is matched
			p := frame.Packet{Kind: frame.PacketAck, From: int32(e.rank), To: int32(a.peer), ID: a.id}
			if !a.eager {
				p.Kind = frame.PacketCTS // of nothing
			}
			a.id, a.remote = 0, a.eager
			post = append(post, p)
		}
	}
	for _, r := range e.sends {
		if r.where == inSends && r.env.on(context) {
			post = r.takeBack(ErrRevoked, post)
		}
	}
	return done, post
}

// takenBack reports whether a message that was probed is given back to its sender, who cancels it:
// nobody receives it, since its communicator was revoked. The mailbox is locked.
func (e *Endpoint) takenBack(p frame.Packet) bool {
	for a := e.unexpected.taken.head; a != nil; a = a.links.next {
		if a.remote && a.id == p.ID && a.id != 0 && a.peer == int(p.From) && e.deaf.to(a.context) {
			a.remote = a.eager // without data, its sender is gone
			a.id = 0
			return true
		}
	}
	return false
}
