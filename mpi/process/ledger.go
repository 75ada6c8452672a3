package process

import (
	"errors"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// ledger compares the collective operations that the processes of one communicator call. Each sends
// a statement of each operation to the same process, the first of the communicator, whose ledger it
// is. Statements of one process come in the order of its calls, which is the order that has to be
// the same everywhere (MPI 5.0, 6.14), so the n-th of each is about the same operation. They are
// compared as they come, by tasks of the rank, whether it calls in or not.
type ledger struct {
	k    *checks
	comm *Comm
	name string  // of the communicator, for people
	of   []int32 // all processes, by rank in the job; this one first
	size int64   // of the largest statement in bytes

	mu      sync.Mutex
	first   uint64    // number of entries[0]
	entries []*entry  // operations that this process began, and others have not all stated
	streams []*stream // of the others; nil while there are no entries
	over    bool      // a process has failed, or the communicator was revoked: nothing is compared
	failure failure
}

// entry is an operation, with the statements about it by place in of; nil for those to come.
type entry struct {
	said []*statement
	left int
}

// stream is what one process states.
type stream struct {
	l     *ledger
	place int
	next  uint64 // number of its next statement
	busy  bool   // a receive is under way
	req   match.Request
	buf   []byte
}

// maxLedgers bounds the bytes of all ledgers of a process: then it waits for others to call the
// operations that it has begun.
const maxLedgers = 64 << 20

// cost is the bytes of an entry.
func (l *ledger) cost() int64 { return int64(len(l.of)) * (l.size + smallObject) }

// state tells the process that compares of an operation that this one begins on a communicator.
func (k *checks) state(comm *Comm, s *statement) error {
	s.rank = int32(k.p.rank)
	comm.stated++
	of := comm.everybody()
	if len(of) == 1 || comm.scope.Failure() != nil { // who has failed states nothing
		return nil
	}
	context := comm.internal(forCheck)
	if of[0] != s.rank {
		return k.stated.send(k.p, comm.scope, context, of[0], s)
	}
	l := k.ledgers[context]
	if l == nil {
		k.forgetIdle()
		if err := k.p.charge(ledgerBytes); err != nil {
			return err
		}
		l = &ledger{k: k, comm: comm, name: comm.String(), of: of, size: statementSize(len(of)), first: comm.stated}
		k.ledgers[context] = l
		l.listen(comm.internal(forFailure))
	}
	if err := k.room(l.cost()); err != nil {
		return err
	}
	return l.add(context, s)
}

// forgetIdle drops ledgers that compare nothing, of communicators that were freed, each time that
// there are twice as many. Others stay, since an operation that was compared may still fail: see
// failed.
func (k *checks) forgetIdle() {
	if len(k.ledgers) < k.forgetAt {
		return
	}
	for context, l := range k.ledgers {
		if k.p.handles.comms.get(l.comm.handle) != l.comm && l.held() == 0 && l.deaf(k.p) {
			delete(k.ledgers, context)
			k.p.refund(ledgerBytes)
		}
	}
	k.forgetAt = max(2*len(k.ledgers), minLedgers)
}

const (
	minLedgers  = 64              // ledgers that are kept in any case
	ledgerBytes = 8 * smallObject // charge for a ledger that compares nothing
)

// everybody is all processes of a communicator, by rank in the job, with the one that compares
// first.
func (comm *Comm) everybody() []int32 {
	if comm.remote == nil {
		return comm.group.members
	}
	// both sides put the same group first
	if comm.group.members[0] < comm.remote.members[0] {
		return append(append([]int32(nil), comm.group.members...), comm.remote.members...)
	}
	return append(append([]int32(nil), comm.remote.members...), comm.group.members...)
}

// room waits until there is room for n bytes in the ledgers.
func (k *checks) room(n int64) error {
	return k.p.end.Wait(func() bool {
		held := int64(0)
		for _, l := range k.ledgers {
			held += l.held()
		}
		return held == 0 || held+n <= maxLedgers
	})
}

func (l *ledger) held() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == nil {
		return 0
	}
	return int64(len(l.entries)+1) * l.cost()
}

// flush waits until all that this process stated was received, and all that it compares is.
func (k *checks) flush() error {
	return k.p.end.Wait(func() bool {
		if !k.stated.empty() {
			return false
		}
		for _, l := range k.ledgers {
			if l.held() > 0 {
				return false
			}
		}
		return true
	})
}

// add adds an operation of this process, and receives what others state of it.
func (l *ledger) add(context uint64, s *statement) error {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	e := &entry{said: make([]*statement, len(l.of)), left: len(l.of) - 1}
	e.said[0] = s
	l.entries = append(l.entries, e)
	if l.streams == nil {
		l.streams = make([]*stream, len(l.of))
		for i := 1; i < len(l.of); i++ {
			l.streams[i] = &stream{l: l, place: i, next: l.first, buf: make([]byte, l.size)}
		}
	}
	var idle []*stream
	for _, x := range l.streams[1:] {
		if !x.busy {
			x.busy = true
			idle = append(idle, x)
		}
	}
	l.mu.Unlock()
	for _, x := range idle {
		x.receive(context)
	}
	return l.k.p.end.Err()
}

// receive receives the next statement, and those after it that are there already.
func (x *stream) receive(context uint64) {
	p := x.l.k.p
	for {
		from := x.l.of[x.place]
		p.end.Recv(&x.req, p.private(x.l.comm.scope, context, from, 0, from), datatype.Of(x.buf))
		if x.req.Then(func() {
			if x.took() {
				x.receive(context)
			}
		}) || !x.took() {
			return
		}
	}
}

// took compares the statement that was received, and reports whether there is one more to receive.
func (x *stream) took() (more bool) {
	l := x.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over = l.over || x.req.Err != nil; l.over {
		l.entries, l.streams = nil, nil
		return false
	}
	s, ok := parseStatement(x.buf[:x.req.Status.Bytes], len(l.of))
	if !ok || x.req.Status.Truncated {
		l.k.p.cfg.World.Abort(errors.New("what a rank states of a collective operation is not what ranks state"))
		return false
	}
	s.rank = l.of[x.place]
	e := l.entries[x.next-l.first]
	if err := l.compare(e, s, x.place); err != nil {
		l.k.p.cfg.World.Abort(err)
		return false
	}
	e.said[x.place] = s
	e.left--
	x.next++
	for len(l.entries) > 0 && l.entries[0].left == 0 {
		l.entries[0] = nil
		l.entries = l.entries[1:]
		l.first++
	}
	l.judge()
	if x.busy = x.next < l.first+uint64(len(l.entries)); !x.busy && len(l.entries) == 0 {
		l.streams, l.entries = nil, nil
	}
	return x.busy
}
