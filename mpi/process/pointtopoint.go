package process

import (
	"errors"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// maxTag is MPI_TAG_UB.
const maxTag = math.MaxInt32

// verb is the kind of a message operation.
type verb byte

const (
	nobody  verb = iota // to or from MPI_PROC_NULL (MPI 5.0, 3.10)
	sends               //
	recvs               //
	fetches             // receives a message that a probe matched
)

// message is the operation of a send or a receive.
type message struct {
	match.Request
	verb  verb
	mode  match.Mode
	env   match.Envelope
	buf   datatype.Buffer
	found *match.Message // the matched message, for fetches
	empty match.Status   // for nobody
	by    *abi.Function  // that was called, of a receive that is checked
}

func (m *message) start(p *Process) error {
	switch m.verb {
	case sends:
		p.end.Send(&m.Request, m.env, m.buf, m.mode)
	case recvs:
		p.end.Recv(&m.Request, m.env, m.buf)
	case fetches:
		p.end.RecvMessage(&m.Request, m.found, m.buf)
	}
	return nil
}

// done reports whether there is something to tell the program: the message is complete, or it is a
// receive from MPI_ANY_SOURCE that is pending because a process has failed.
func (m *message) done() bool { return m.verb == nobody || m.Done() || m.interrupted() != nil }

// interrupted is why a receive from MPI_ANY_SOURCE is pending.
func (m *message) interrupted() error {
	if m.verb != recvs || m.env.Peer != abi.AnySource {
		return nil
	}
	return m.Interrupted()
}

func (m *message) finish(p *Process) (match.Status, error) {
	if m.verb == nobody {
		return m.empty, nil
	}
	if err := m.interrupted(); err != nil {
		return emptyStatus, pending(err)
	}
	if m.by != nil && m.Err == nil {
		return m.checked(p)
	}
	return outcome(&m.Request, m.verb == sends)
}

// checked is the outcome of a receive, if its datatype matches the message's.
func (m *message) checked(p *Process) (match.Status, error) {
	if err := p.checks.received(m); err != nil {
		return emptyStatus, err
	}
	st, err := outcome(&m.Request, false)
	var e *Error
	if st.Truncated && st.Note != nil && errors.As(err, &e) {
		e.Msg += ": " + p.checks.longer(m)
	}
	return st, err
}

func (m *message) cancel(p *Process) {
	if m.verb != nobody {
		p.end.Cancel(&m.Request)
	}
}

func (m *message) free(*Process) {}

// outcome returns the status and the error of a request that is done.
func outcome(r *match.Request, send bool) (match.Status, error) {
	st := r.Status
	switch {
	case r.Err != nil:
		return emptyStatus, requestError(r.Err)
	case send || st.Cancelled:
		st.Source, st.Tag = abi.AnySource, abi.AnyTag
	case st.Truncated:
		return st, errorf(abi.ErrTruncate, "the message from rank %d with tag %d is longer than the buffer of %d bytes", st.Source, st.Tag, st.Bytes)
	}
	return st, nil
}

// requestError maps the error of a request to an error of MPI.
func requestError(err error) error {
	if errors.Is(err, match.ErrQueue) {
		return errorf(abi.ErrNoMem, "too many messages are under way at once: wait for some first")
	}
	return failureError(err)
}

// to is the envelope of a send to a rank with a tag; false if it is to MPI_PROC_NULL.
func (comm *Comm) to(rank, tag int64) (env match.Envelope, somebody bool, err error) {
	if tag < 0 || tag > maxTag {
		return env, false, errorf(abi.ErrTag, "the tag %d is not within 0 and %d", tag, maxTag)
	}
	if rank == abi.ProcNull {
		return env, false, nil
	}
	members := comm.peers().members
	if rank < 0 || rank >= int64(len(members)) {
		return env, false, errorf(abi.ErrRank, "%s has no rank %d: its ranks are 0 to %d", comm, rank, len(members)-1)
	}
	return match.Envelope{Context: comm.context, Peer: int(members[rank]), Source: int32(comm.rank), Tag: int32(tag), Scope: comm.scope}, true, nil
}

// from is the envelope of a receive; false if it is from MPI_PROC_NULL.
func (comm *Comm) from(rank, tag int64) (env match.Envelope, somebody bool, err error) {
	if tag != abi.AnyTag && (tag < 0 || tag > maxTag) {
		return env, false, errorf(abi.ErrTag, "the tag %d is neither within 0 and %d nor MPI_ANY_TAG", tag, maxTag)
	}
	switch rank {
	case abi.ProcNull:
		return env, false, nil
	case abi.AnySource:
		return match.Envelope{Context: comm.context, Peer: abi.AnySource, Source: abi.AnySource, Tag: int32(tag), Scope: comm.scope}, true, nil
	}
	members := comm.peers().members
	if rank < 0 || rank >= int64(len(members)) {
		return env, false, errorf(abi.ErrRank, "%s has no rank %d: its ranks are 0 to %d", comm, rank, len(members)-1)
	}
	return match.Envelope{Context: comm.context, Peer: int(members[rank]), Source: int32(rank), Tag: int32(tag), Scope: comm.scope}, true, nil
}

// outgoing reads a send: the parameters of the buffer begin at i, its destination and tag are i+3
// and i+4, the communicator is comm.
func (c *call) outgoing(m *message, i, comm int, mode match.Mode) (on *Comm, err error) {
	if on, err = c.comm(comm); err != nil {
		return nil, err
	}
	if m.buf, err = c.messageBuffer(i, i+3); err != nil {
		return nil, err
	}
	env, somebody, err := on.to(c.int(i+3), c.int(i+4))
	m.verb, m.mode, m.env, m.by = sends, mode, env, nil
	m.env.Note = c.note(m.buf)
	if !somebody {
		m.verb, m.empty = nobody, emptyStatus
	}
	return on, err
}

// incoming reads a receive, with the source in place of the destination.
func (c *call) incoming(m *message, i, comm int) (on *Comm, err error) {
	if on, err = c.comm(comm); err != nil {
		return nil, err
	}
	if m.buf, err = c.messageBuffer(i, i+3); err != nil {
		return nil, err
	}
	env, somebody, err := on.from(c.int(i+3), c.int(i+4))
	m.verb, m.env = recvs, env
	c.checkReceive(m)
	if !somebody {
		m.verb, m.empty = nobody, nobodyStatus
	}
	return on, err
}

// checkReceive has a receive checked, in a process that is.
func (c *call) checkReceive(m *message) {
	m.by = nil
	if c.checks != nil {
		m.by = c.f
	}
}

// blocking returns a message for a blocking function. It is the same one again and again, to spare
// allocations, except in callbacks.
func (c *call) blocking(which *message) *message {
	if c.depth > 1 {
		return new(message)
	}
	return which
}

// run starts a message and waits until it is done.
func (c *call) run(m *message) (match.Status, error) {
	if m.verb == nobody {
		return m.empty, nil
	}
	if err := m.start(c.Process); err != nil {
		return match.Status{}, err
	}
	return c.waitMessage(m)
}

func (c *call) waitMessage(m *message) (match.Status, error) {
	if !m.done() {
		c.waits.one = m
		if err := c.end.Wait(m.done); err != nil {
			return match.Status{}, err
		}
	}
	if failure := m.interrupted(); failure != nil { // nobody can wait for it again
		c.end.Cancel(&m.Request)
		if err := c.end.WaitFor(&m.Request); err != nil {
			return match.Status{}, err
		}
		if m.Status.Cancelled {
			return emptyStatus, failureError(failure)
		}
	}
	return m.finish(c.Process)
}

// posted is a nonblocking message with its request. Freed ones are reused: see freeRequests.
type posted struct {
	message
	request request
}

// maxFreeRequests is how many of those a process keeps at most.
const maxFreeRequests = 256

// nonblocking is a message for a function that only starts it.
func (c *call) nonblocking() *posted {
	if n := len(c.freeRequests); n > 0 {
		x := c.freeRequests[n-1]
		c.freeRequests = c.freeRequests[:n-1]
		return x
	}
	return new(posted)
}

// post starts a message and stores its request's handle at the address in parameter i.
func (c *call) post(i int, on *Comm, x *posted) error {
	x.request = request{on: on, op: x, active: true}
	return c.launch(i, &x.request)
}

// reuse keeps a message whose request is complete and has no handle.
func (p *Process) reuse(x *posted) {
	if len(p.freeRequests) < maxFreeRequests {
		x.buf = datatype.Buffer{}
		p.freeRequests = append(p.freeRequests, x)
	}
}
