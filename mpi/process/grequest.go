package process

import (
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// generalized is the operation of a generalized request (MPI 5.0, 13.2), which the program itself
// completes.
type generalized struct {
	query, release, give uint32 // functions of the guest: query_fn, free_fn, cancel_fn
	state                uint32 // extra_state
	complete             bool
	// while still incomplete: MPI_Grequest_complete then calls the free function
	freed bool
}

func (g *generalized) start(*Process) error { return nil }
func (g *generalized) done() bool           { return g.complete }

// finish calls the program's query function for the status.
func (g *generalized) finish(p *Process) (match.Status, error) {
	at, err := p.alloc(abi.StatusSize)
	if err != nil {
		return emptyStatus, err
	}
	defer p.release(at)
	b, err := p.bytes(at, abi.StatusSize)
	if err != nil {
		return emptyStatus, err
	}
	putStatus(b, emptyStatus, abi.Success)
	code, err := p.guest.Invoke(g.query, uint64(g.state), uint64(at))
	if err != nil {
		return emptyStatus, err
	}
	return getStatus(b), callbackCode("query", code)
}

// callbackCode is the error for a code that a function of the program returned, of which the
// function that called it returns the code (MPI 5.0, 13.2).
func callbackCode(which string, code uint64) error {
	if int32(code) == abi.Success {
		return nil
	}
	return errorf(int32(code), "the %s function of a generalized request returned error %d", which, int32(code))
}

func (g *generalized) cancel(p *Process) { g.invokeCancel(p) }

// invokeCancel calls the program's cancel function.
func (g *generalized) invokeCancel(p *Process) error {
	done := uint64(0)
	if g.complete {
		done = 1
	}
	return g.invoke(p, "cancel", g.give, uint64(g.state), done)
}

func (g *generalized) free(p *Process) { g.invokeFree(p) }

// invokeFree calls the program's free function.
func (g *generalized) invokeFree(p *Process) error {
	return g.invoke(p, "free", g.release, uint64(g.state))
}

// invoke calls a function of the guest. If the guest traps, the call under way ends with that
// error, whatever its caller makes of this one.
func (g *generalized) invoke(p *Process, which string, function uint32, args ...uint64) error {
	code, err := p.guest.Invoke(function, args...)
	if err != nil {
		p.broken = errors.Join(p.broken, err)
		return err
	}
	return callbackCode(which, code)
}

// freeOperation frees an operation and returns the error of the program's free function, if the
// program has one.
func (p *Process) freeOperation(op operation) error {
	if g, ok := op.(*generalized); ok {
		return g.invokeFree(p)
	}
	op.free(p)
	return nil
}

func grequestStart(c *call) error {
	g := &generalized{query: c.ptr(0), release: c.ptr(1), give: c.ptr(2), state: c.ptr(3)}
	return c.startRequest(4, nil, g)
}

func grequestComplete(c *call) error {
	r := c.handles.requests.get(c.handle(0))
	if r == nil {
		return errorf(abi.ErrRequest, "%s is not a request", handleName(c.handle(0)))
	}
	g, ok := r.op.(*generalized)
	if !ok || g.complete {
		return errorf(abi.ErrRequest, "the request is not a generalized one that is under way")
	}
	g.complete = true
	if g.freed {
		c.forget(r)
		return g.invokeFree(c.Process)
	}
	return nil
}

var grequestFunctions = family{
	"Grequest_start":    {do: grequestStart},
	"Grequest_complete": {do: grequestComplete},
}
