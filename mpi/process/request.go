package process

import (
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// request is the object behind an MPI_Request: an operation that was started or, if it is
// persistent, can be started again and again.
type request struct {
	handle int32
	// the communicator whose error handler gets its errors; nil for that of MPI_COMM_SELF
	on         *Comm
	op         operation
	persistent bool
	active     bool
	list       uint64 // the last list that contained it
	place      int32  // where that list contained it last: see requestList.again
}

// operation is the operation of a request. Package match or coll does the work. Only the rank's
// goroutine calls these methods.
type operation interface {
	// start begins the operation; a persistent one may be started again.
	start(p *Process) error
	// done reports whether it is complete. It is cheap and needs no lock.
	done() bool
	// finish returns the result of an operation that is done. It may be called again.
	finish(p *Process) (match.Status, error)
	// cancel tries to cancel the operation (MPI 5.0, 3.8.4). It does nothing if that is not
	// possible.
	cancel(p *Process)
	// free releases what the operation holds. Its request is freed, and it is not under way.
	free(p *Process)
}

// requestBytes is the charge for a request.
const requestBytes = 2 * smallObject

// newRequest gives a request a handle, and stores it at the address in parameter i.
func (c *call) newRequest(i int, r *request) (err error) {
	r.handle, err = addObject(c, c.ptr(i), &c.handles.requests, r, requestBytes)
	return err
}

// startRequest starts an operation and makes a request for it: the last step of every nonblocking
// function.
func (c *call) startRequest(i int, on *Comm, op operation) error {
	return c.launch(i, &request{on: on, op: op, active: true})
}

// launch gives a request a handle and starts it.
func (c *call) launch(i int, r *request) error {
	if err := c.newRequest(i, r); err != nil {
		return err
	}
	if err := r.op.start(c.Process); err != nil {
		c.forget(r)
		return errors.Join(err, c.writeInt(c.ptr(i), abi.RequestNull))
	}
	return nil
}

// initRequest makes a persistent request: the last step of every function with _init.
func (c *call) initRequest(i int, on *Comm, op operation) error {
	return c.newRequest(i, &request{on: on, op: op, persistent: true})
}

// forget removes a request's handle. It may be called again.
func (p *Process) forget(r *request) {
	if p.handles.requests.get(r.handle) == r {
		p.handles.requests.remove(r.handle)
		p.refund(requestBytes)
	}
}

// request is the request of a handle in the guest's memory; nil for MPI_REQUEST_NULL.
func (c *call) request(handle int32) (*request, error) {
	if handle == abi.RequestNull {
		return nil, nil
	}
	r := c.handles.requests.get(handle)
	if r == nil {
		return nil, errorf(abi.ErrRequest, "%s is not a request", handleName(handle))
	}
	return r, nil
}

// requestAt is the request whose handle is at the address in parameter i.
func (c *call) requestAt(i int) (*request, error) {
	handle, err := c.readInt(c.ptr(i))
	if err != nil {
		return nil, err
	}
	return c.request(handle)
}

// idle reports whether a request has nothing to complete: it is null or inactive (MPI 5.0, 3.7.3).
func (r *request) idle() bool { return r == nil || !r.active }

// done reports whether an active request's operation is complete.
func (r *request) done() bool {
	if x, ok := r.op.(*posted); ok {
		return x.message.done()
	}
	return r.op.done()
}

// complete ends an operation that is done. The request is freed or, if it is persistent, becomes
// inactive. If it is pending because a process has failed, it stays as it is. freed reports whether
// its handle becomes MPI_REQUEST_NULL.
func (p *Process) complete(r *request) (st match.Status, freed bool, err error) {
	// the program completed it in a callback, and may have started it again
	if !r.active || !r.done() {
		return emptyStatus, false, errorf(abi.ErrRequest, "the request was completed by a callback meanwhile")
	}
	if x, ok := r.op.(*posted); ok {
		if st, err = x.finish(p); isPending(err) {
			return st, false, err
		}
		p.forget(r)
		r.active = false
		p.reuse(x)
		return st, true, err
	}
	if st, err = r.op.finish(p); isPending(err) {
		return st, false, err
	}
	if r.persistent {
		r.active = false
		return st, false, err
	}
	p.forget(r)
	r.active = false
	// of both callbacks' errors the last counts (MPI 5.0, 13.2)
	if last := p.freeOperation(r.op); last != nil {
		err = last
	}
	return st, true, err
}

// requestFree is MPI_Request_free (MPI 5.0, 3.7.3). An active operation continues.
func requestFree(c *call) error {
	r, err := c.requestAt(0)
	if err != nil {
		return err
	}
	if r == nil {
		return errorf(abi.ErrRequest, "MPI_REQUEST_NULL cannot be freed")
	}
	if err := c.writeInt(c.ptr(0), abi.RequestNull); err != nil {
		return err
	}
	if g, ok := r.op.(*generalized); ok && !g.complete {
		g.freed = true
		return nil
	}
	c.forget(r)
	if r.active && !r.op.done() {
		c.unfinished = append(c.prune(), r.op)
		c.handles.held += requestBytes // it is kept: forget has just given them back
		return nil
	}
	return c.freeOperation(r.op)
}

// prune frees the freed operations that are done by now, and returns the others.
func (p *Process) prune() []operation {
	if len(p.unfinished) < p.pruneAt {
		return p.unfinished
	}
	left := p.unfinished[:0]
	for _, op := range p.unfinished {
		if op.done() {
			op.free(p)
			p.refund(requestBytes)
		} else {
			left = append(left, op)
		}
	}
	clear(p.unfinished[len(left):])
	p.unfinished = left
	p.pruneAt = 2*len(left) + 16
	return left
}

// settle waits for operations that continue without a request: sends of freed requests, and
// buffered sends (MPI 5.0, 11.2.2, 3.6.1). The program may free more requests while it waits, and
// prune those: in a function of its own that an operation calls.
func (p *Process) settle() error {
	for len(p.unfinished) > 0 {
		list := p.unfinished
		p.unfinished = nil
		for _, op := range list {
			if err := p.end.Wait(op.done); err != nil {
				return err
			}
			op.free(p)
			p.refund(requestBytes)
		}
	}
	return p.settleBuffers()
}

// MPI_Cancel (MPI 5.0, 3.8.4).
func cancelRequest(c *call) error {
	r, err := c.requestAt(0)
	if err != nil {
		return err
	}
	if r.idle() {
		return errorf(abi.ErrRequest, "there is nothing under way to cancel")
	}
	c.on = r.on
	if g, ok := r.op.(*generalized); ok {
		return g.invokeCancel(c.Process)
	}
	r.op.cancel(c.Process)
	return nil
}

// MPI_Start (MPI 5.0, 3.9).
func startOne(c *call) error {
	handle, err := c.readInt(c.ptr(0))
	if err != nil {
		return err
	}
	return c.restart(handle)
}

func startAll(c *call) error {
	n, err := c.count(0)
	if err != nil {
		return err
	}
	list, err := c.array(c.ptr(1), n, 4)
	if err != nil {
		return err
	}
	for i := range int(n) {
		if err := c.end.Err(); err != nil { // each may copy a message
			return err
		}
		if err := c.restart(handleIn(list, i)); err != nil {
			return err
		}
	}
	return nil
}

// restart starts a persistent request.
func (c *call) restart(handle int32) error {
	r := c.handles.requests.get(handle)
	if r == nil || !r.persistent {
		return errorf(abi.ErrRequest, "%s is not a persistent request", handleName(handle))
	}
	if r.active {
		return errorf(abi.ErrRequest, "the request is active: wait for it before starting it again")
	}
	c.on = r.on
	if err := r.op.start(c.Process); err != nil {
		return err
	}
	r.active = true
	return nil
}
