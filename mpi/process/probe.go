package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// found is the object behind an MPI_Message (MPI 5.0, 3.8.2); nil for MPI_MESSAGE_NO_PROC.
type found struct {
	on      *Comm
	message *match.Message
}

// wanted reads the source, tag and communicator of a probe.
func (c *call) wanted() (on *Comm, env match.Envelope, somebody bool, err error) {
	if on, err = c.comm(2); err != nil {
		return
	}
	if err = on.unrevoked(); err != nil {
		return
	}
	env, somebody, err = on.from(c.int(0), c.int(1))
	return
}

// probe looks for a message once, or waits for one (MPI 5.0, 3.8). It fails if a process that may
// send the message has failed and there is none.
func (c *call) probe(env match.Envelope, find func() bool, once bool) (bool, error) {
	if once {
		if err := c.end.Poll(); err != nil {
			return false, err
		}
		if find() {
			return true, nil
		}
		return false, c.end.Failure(&env)
	}
	c.waits.probe = &env
	var failure error
	err := c.end.Wait(func() bool {
		if find() {
			return true
		}
		failure = c.end.Failure(&env)
		return failure != nil
	})
	if err == nil {
		err = failure
	}
	return true, err
}

// probe returns MPI_Probe, or MPI_Iprobe, which has a flag parameter.
func probe(once bool) func(c *call) error {
	return func(c *call) error {
		_, env, somebody, err := c.wanted()
		if err != nil {
			return err
		}
		at := 3
		if once {
			at++
		}
		b, err := c.status(at)
		if err != nil {
			return err
		}
		st, ok := nobodyStatus, true
		if somebody {
			ok, err = c.probe(env, func() (ok bool) { st, ok = c.end.Probe(env); return ok }, once)
			if err != nil {
				return err
			}
		}
		if ok {
			give(b, st)
		}
		if once {
			return c.writeFlag(3, ok)
		}
		return nil
	}
}

// mprobe returns MPI_Mprobe, or MPI_Improbe, which has a flag parameter.
func mprobe(once bool) func(c *call) error {
	return func(c *call) error {
		on, env, somebody, err := c.wanted()
		if err != nil {
			return err
		}
		at := 3
		if once {
			at++
			if err := c.writeFlag(3, false); err != nil {
				return err
			}
		}
		if _, err := c.bytes(c.ptr(at), 4); err != nil {
			return err
		}
		b, err := c.status(at + 1)
		if err != nil {
			return err
		}
		if !somebody {
			give(b, nobodyStatus)
			if err := c.writeInt(c.ptr(at), abi.MessageNoProc); err != nil {
				return err
			}
		} else if ok, err := c.takeMessage(on, env, at, b, once); err != nil || !ok {
			return err
		}
		if once {
			return c.writeFlag(3, true)
		}
		return nil
	}
}

// takeMessage finds a message. It stores its handle at the address in parameter at, and its status
// in b.
func (c *call) takeMessage(on *Comm, env match.Envelope, at int, b []byte, once bool) (bool, error) {
	f := &found{on: on}
	handle, err := addObject(c, c.ptr(at), &c.handles.messages, f, smallObject)
	if err != nil {
		return false, err
	}
	ok, err := c.probe(env, func() (ok bool) { f.message, ok = c.end.Take(env); return ok }, once)
	if err != nil || !ok {
		c.handles.messages.remove(handle)
		c.refund(smallObject)
		c.writeInt(c.ptr(at), abi.MessageNull)
		return false, err
	}
	give(b, f.message.Status)
	return true, nil
}

// fetching reads the buffer and the message of MPI_Mrecv and MPI_Imrecv. It returns the handle too,
// to be passed to fetched.
func (c *call) fetching(m *message) (handle int32, err error) {
	if handle, err = c.readInt(c.ptr(3)); err != nil {
		return 0, err
	}
	f := c.handles.messages.get(handle)
	if handle != abi.MessageNoProc && (f == nil || f.message == nil) { // nil while the probe waits
		return 0, errorf(abi.ErrRequest, "%s is not a message", handleName(handle))
	}
	if f != nil {
		c.on = f.on
		if err := f.on.unrevoked(); err != nil {
			return 0, err
		}
	}
	if f == nil && c.int(1) == 0 && c.handle(2) == abi.DatatypeNull {
		m.buf = datatype.Of(nil) // as for MPI_PROC_NULL: see nothing
	} else if m.buf, err = c.buffer(0); err != nil {
		return 0, err
	}
	if f == nil {
		m.verb, m.empty = nobody, nobodyStatus
	} else {
		m.verb, m.found = fetches, f.message
	}
	c.checkReceive(m)
	return handle, nil
}

// fetched removes the handle of a message, so that it is received only once, and stores
// MPI_MESSAGE_NULL in its place.
func (c *call) fetched(handle int32) error {
	if handle != abi.MessageNoProc {
		c.handles.messages.remove(handle)
		c.refund(smallObject)
	}
	return c.writeInt(c.ptr(3), abi.MessageNull)
}

func mrecv(c *call) error {
	m := c.blocking(&c.inbound)
	handle, err := c.fetching(m)
	if err != nil {
		return err
	}
	b, err := c.status(4)
	if err != nil {
		return err
	}
	if err := c.fetched(handle); err != nil {
		return err
	}
	st, err := c.run(m)
	give(b, st)
	return err
}

func imrecv(c *call) error {
	m := new(message)
	handle, err := c.fetching(m)
	if err != nil {
		return err
	}
	if err := c.startRequest(4, c.on, m); err != nil {
		return err
	}
	return c.fetched(handle)
}

var probeFunctions = family{
	"Probe":   {do: probe(false)},
	"Iprobe":  {do: probe(true)},
	"Mprobe":  {do: mprobe(false)},
	"Improbe": {do: mprobe(true)},
	"Mrecv":   {do: mrecv},
	"Imrecv":  {do: imrecv},
}
