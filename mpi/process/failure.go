package process

import (
	"encoding/binary"
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// failure is a collective operation that failed at a process because the data of others is not what
// it expects. The job ends with it only once all statements about the operation are compared: they
// may name both sides of a mismatch.
type failure struct {
	req    match.Request
	buf    [failureHead + maxFailure]byte
	text   string // empty if there is none
	exit   int
	number uint64 // of the operation
}

const (
	failureHead = 8 + 4
	maxFailure  = 400 // bytes of its text
)

// failed is called with what a collective operation came to. It returns err, or what the job ended
// with once all processes have stated what they call.
func (p *Process) failed(comm *Comm, err error) error {
	k := p.checks
	if k == nil || !errors.Is(err, coll.ErrLong) && !errors.Is(err, coll.ErrShort) {
		return err
	}
	of := comm.everybody()
	var e *Error
	if len(of) == 1 || !errors.As(collectiveError(err), &e) {
		return err
	}
	if of[0] == int32(p.rank) {
		l := k.ledgers[comm.internal(forCheck)]
		if l == nil { // the communicator was freed, and all is compared
			return err
		}
		number := comm.stated
		over := p.end.Wait(func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.over || l.first > number
		})
		return errors.Join(over, err)
	}
	text := p.in.f.Name + ": " + e.Msg
	b := binary.LittleEndian.AppendUint64(nil, comm.stated)
	b = binary.LittleEndian.AppendUint32(b, uint32(p.codes.class(e.Code)))
	b = append(b, text[:min(len(text), maxFailure)]...)
	if p.send(comm.scope, comm.internal(forFailure), of[0], 0, b) != nil {
		return errors.Join(p.end.Err(), err)
	}
	over := p.end.Wait(func() bool { return comm.scope.Failure() != nil })
	return errors.Join(over, err)
}

// listen receives a failure, of whichever process.
func (l *ledger) listen(context uint64) {
	p, f := l.k.p, &l.failure
	env := match.Envelope{Context: context, Peer: abi.AnySource, Source: abi.AnySource, Tag: 0, Scope: l.comm.scope}
	p.end.Recv(&f.req, env, datatype.Of(f.buf[:]))
	if !f.req.Then(l.heard) {
		l.heard()
	}
}

// deaf ends listening, and reports whether nothing was heard.
func (l *ledger) deaf(p *Process) bool {
	p.end.Cancel(&l.failure.req)
	return l.failure.req.Done() && l.failure.req.Status.Cancelled
}

// heard takes the failure that was received.
func (l *ledger) heard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &l.failure
	n := f.req.Status.Bytes
	if f.req.Err != nil || f.req.Status.Cancelled || n <= failureHead {
		return
	}
	f.number = binary.LittleEndian.Uint64(f.buf[:])
	f.exit = int(binary.LittleEndian.Uint32(f.buf[8:]))
	f.text = string(f.buf[failureHead:n])
	l.judge()
}

// judge ends the job with the failure, if there is one and all statements about the operation are
// compared. The ledger is locked.
func (l *ledger) judge() {
	if f := &l.failure; f.text != "" && l.first > f.number {
		l.k.p.cfg.World.Abort(&exec.ExitError{Reason: mpi.Aborted, Exit: f.exit, Detail: f.text})
	}
}
