package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// send returns a blocking send of a mode (MPI 5.0, 3.2.1, 3.4).
func send(mode match.Mode) func(c *call) error {
	return func(c *call) error {
		m := c.blocking(&c.outbound)
		if _, err := c.outgoing(m, 0, 5, mode); err != nil {
			return err
		}
		_, err := c.run(m)
		return err
	}
}

// isend returns a nonblocking send (MPI 5.0, 3.7.2).
func isend(mode match.Mode) func(c *call) error {
	return func(c *call) error {
		x := c.nonblocking()
		on, err := c.outgoing(&x.message, 0, 5, mode)
		if err != nil {
			return err
		}
		return c.post(6, on, x)
	}
}

// sendInit returns a persistent send (MPI 5.0, 3.9).
func sendInit(mode match.Mode) func(c *call) error {
	return func(c *call) error {
		m := new(message)
		on, err := c.outgoing(m, 0, 5, mode)
		if err != nil {
			return err
		}
		return c.initRequest(6, on, m)
	}
}

// MPI_Recv (MPI 5.0, 3.2.4).
func recv(c *call) error {
	m := c.blocking(&c.inbound)
	if _, err := c.incoming(m, 0, 5); err != nil {
		return err
	}
	b, err := c.status(6)
	if err != nil {
		return err
	}
	st, err := c.run(m)
	give(b, st)
	return err
}

func irecv(c *call) error {
	x := c.nonblocking()
	on, err := c.incoming(&x.message, 0, 5)
	if err != nil {
		return err
	}
	return c.post(6, on, x)
}

func recvInit(c *call) error {
	m := new(message)
	on, err := c.incoming(m, 0, 5)
	if err != nil {
		return err
	}
	return c.initRequest(6, on, m)
}

// sendrecv is MPI_Sendrecv (MPI 5.0, 3.11).
func sendrecv(c *call) error {
	in, out := c.blocking(&c.inbound), c.blocking(&c.outbound)
	if _, err := c.outgoing(out, 0, 10, match.Standard); err != nil {
		return err
	}
	if _, err := c.incoming(in, 5, 10); err != nil {
		return err
	}
	b, err := c.status(11)
	if err != nil {
		return err
	}
	return c.exchangeMessages(in, out, b)
}

// exchangeMessages receives and sends at the same time.
func (c *call) exchangeMessages(in, out *message, status []byte) error {
	in.start(c.Process)
	out.start(c.Process)
	_, sent := c.waitMessage(out)
	st, err := c.waitMessage(in)
	give(status, st)
	if sent != nil {
		return sent
	}
	return err
}

// duplex is the operation of MPI_Isendrecv and MPI_Isendrecv_replace (MPI 5.0, 3.11.2).
type duplex struct {
	in, out message
	copied  uint32 // address of a copy of the data to be sent; 0 if there is none
}

func (x *duplex) start(p *Process) error {
	x.in.start(p)
	x.out.start(p)
	return nil
}

func (x *duplex) done() bool { return x.out.done() && x.in.done() }

func (x *duplex) finish(p *Process) (match.Status, error) {
	x.free(p)
	if _, err := x.out.finish(p); err != nil {
		return emptyStatus, err
	}
	return x.in.finish(p)
}

// cancel does nothing: MPI_Cancel is only for sends and receives (MPI 5.0, 3.8.4).
func (x *duplex) cancel(*Process) {}

// free releases the copy.
func (x *duplex) free(p *Process) {
	if x.copied != 0 {
		p.release(x.copied)
		x.copied = 0
	}
}

func isendrecv(c *call) error {
	x := new(duplex)
	if _, err := c.outgoing(&x.out, 0, 10, match.Standard); err != nil {
		return err
	}
	on, err := c.incoming(&x.in, 5, 10)
	if err != nil {
		return err
	}
	return c.startRequest(11, on, x)
}

// replacing reads the parameters of MPI_Sendrecv_replace, and copies the data to be sent to a new
// block of the guest's memory. It returns the address of the block, 0 if there is none.
func (c *call) replacing(in, out *message) (on *Comm, copied uint32, err error) {
	if on, err = c.comm(7); err != nil {
		return nil, 0, err
	}
	if c.nothing(0, 3) && c.nothing(0, 5) {
		in.buf = datatype.Of(nil)
	} else if in.buf, err = c.buffer(0); err != nil {
		return nil, 0, err
	}
	to, somebody, err := on.to(c.int(3), c.int(4))
	if err != nil {
		return nil, 0, err
	}
	from, anybody, err := on.from(c.int(5), c.int(6))
	if err != nil {
		return nil, 0, err
	}
	in.verb, in.env, in.empty = recvs, from, nobodyStatus
	if !anybody {
		in.verb = nobody
	}
	c.checkReceive(in)
	out.verb, out.mode, out.env, out.empty = sends, match.Standard, to, emptyStatus
	if !somebody {
		out.verb = nobody
		return on, 0, nil
	}
	out.env.Note, out.by = c.note(in.buf), nil
	copied, out.buf, err = c.packed(in.buf)
	return on, copied, err
}

func sendrecvReplace(c *call) error {
	in, out := c.blocking(&c.inbound), c.blocking(&c.outbound)
	b, err := c.status(8)
	if err != nil {
		return err
	}
	_, copied, err := c.replacing(in, out)
	if err != nil {
		return err
	}
	err = c.exchangeMessages(in, out, b)
	if copied != 0 {
		c.release(copied)
	}
	return err
}

func isendrecvReplace(c *call) error {
	if _, err := c.bytes(c.ptr(8), 4); err != nil {
		return err
	}
	x := new(duplex)
	on, copied, err := c.replacing(&x.in, &x.out)
	if err != nil {
		return err
	}
	x.copied = copied
	if err := c.startRequest(8, on, x); err != nil {
		if copied != 0 {
			c.release(copied)
		}
		return err
	}
	return nil
}

var pointToPointFunctions = family{
	"Send":              {do: send(match.Standard)},
	"Ssend":             {do: send(match.Synchronous)},
	"Rsend":             {do: send(match.Ready)},
	"Isend":             {do: isend(match.Standard)},
	"Issend":            {do: isend(match.Synchronous)},
	"Irsend":            {do: isend(match.Ready)},
	"Send_init":         {do: sendInit(match.Standard)},
	"Ssend_init":        {do: sendInit(match.Synchronous)},
	"Rsend_init":        {do: sendInit(match.Ready)},
	"Recv":              {do: recv},
	"Irecv":             {do: irecv},
	"Recv_init":         {do: recvInit},
	"Sendrecv":          {do: sendrecv},
	"Sendrecv_replace":  {do: sendrecvReplace},
	"Isendrecv":         {do: isendrecv},
	"Isendrecv_replace": {do: isendrecvReplace},
	"Cancel":            {do: cancelRequest},
	"Start":             {do: startOne},
	"Startall":          {do: startAll},
	"Request_free":      {do: requestFree},
	"Request_fromint":   {do: echo, anytime: true},
	"Request_toint":     {do: echo, anytime: true},
}
