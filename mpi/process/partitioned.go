package process

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// partitioned is the operation of a partitioned send or receive (MPI 5.0, chapter 4). Its parts are
// messages of their own, each sent once its partitions are ready: see parts.
type partitioned struct {
	message    // of the whole: its buffer, its envelope, and its outcome
	partitions int64
	each       int64    // elements of a partition
	ready      []uint64 // of a send: one bit for each partition
	left       int64    // number of partitions that are not ready
	charged    int64    // bytes

	of      *channel // nil for MPI_PROC_NULL
	number  uint64   // in the channel
	started bool     // ever
	parts
}

// partition returns MPI_Psend_init or MPI_Precv_init.
func partition(send bool) func(c *call) error {
	return func(c *call) error {
		on, err := c.comm(6)
		if err != nil {
			return err
		}
		x := new(partitioned)
		if err := c.partitions(x); err != nil {
			return err
		}
		x.mode, x.empty = match.Standard, emptyStatus
		env, somebody, err := on.to(c.int(4), c.int(5))
		if err != nil {
			return err
		}
		if !somebody {
			if !send {
				x.empty = nobodyStatus
			}
			return c.initRequest(8, on, x)
		}
		x.verb, x.env = recvs, env
		if send {
			x.verb, x.env.Note = sends, c.note(x.buf)
			if err := c.makeFlags(x); err != nil {
				return err
			}
		} else {
			x.env.Source, x.room = int32(c.int(4)), maxPartBytes+int64(len(c.mem))
			c.checkReceive(&x.message)
		}
		if err = c.join(x, channelKey{on.context, int32(c.int(4)), x.env.Tag, send}); err == nil {
			err = c.initRequest(8, on, x)
		}
		if err != nil {
			x.free(c.Process)
		}
		return err
	}
}

// partitions reads the buffer: parameters 0 to 3.
func (c *call) partitions(x *partitioned) error {
	x.partitions = c.int(1)
	if x.partitions < 0 {
		return errorf(abi.ErrArg, "%d partitions", x.partitions)
	}
	each, err := c.count(2)
	if err != nil {
		return err
	}
	if x.partitions > 0 && each > math.MaxInt64/x.partitions {
		return errorf(abi.ErrCount, "%d partitions of %d elements", x.partitions, each)
	}
	t := datatype.Named(abi.Byte)
	if !c.nothing(1, 4) {
		if t, err = c.datatype(3); err != nil {
			return err
		}
	}
	const most = 1 << 24
	if x.partitions > most {
		return errorf(abi.ErrNoMem, "more than %d partitions", most)
	}
	x.each = each
	x.buf, err = c.bufferAt(c.ptr(0), each*x.partitions, t)
	return err
}

// makeFlags allocates what a send needs for its partitions. If it is freed before all partitions
// are ready it stays allocated and charged.
func (c *call) makeFlags(x *partitioned) error {
	words := (x.partitions + 63) / 64
	x.plan(x.partitions, x.each*x.buf.Type.Size())
	n := smallObject + 8*words + x.count*partBytes
	if err := c.charge(n); err != nil {
		return err
	}
	x.charged = n
	x.ready = make([]uint64, words)
	x.waits = make([]int32, x.count)
	x.requests = make([]match.Request, x.count)
	return nil
}

func (x *partitioned) start(p *Process) error {
	if x.verb == nobody {
		return nil
	}
	if x.verb != sends {
		x.startReceive(p)
		return nil
	}
	if !x.started {
		x.started = true
		x.announce(p)
	}
	clear(x.ready)
	x.left, x.scanned = x.partitions, 0
	for i := range x.waits {
		x.waits[i] = int32(min(x.per, x.partitions-int64(i)*x.per))
	}
	if x.left == 0 {
		x.sendPart(p, 0)
	}
	return nil
}

func (x *partitioned) done() bool {
	switch x.verb {
	case nobody:
		return true
	case sends:
		return x.left == 0 && x.header.Done() && x.allDone()
	}
	return x.bound.Load() && x.allDone()
}

func (x *partitioned) finish(p *Process) (match.Status, error) {
	if x.verb == nobody {
		return x.empty, nil
	}
	return x.result(p)
}

// cancel does nothing: partitioned operations cannot be cancelled (MPI 5.0, 3.8.4).
func (x *partitioned) cancel(*Process) {}

func (x *partitioned) free(p *Process) {
	p.leave(x)
	p.partBytes.Add(-x.held.Swap(0))
	p.refund(x.charged)
	x.charged = 0
}

// partitionedAt is the active partitioned request with a handle.
func (c *call) partitionedAt(handle int32) (*request, *partitioned, error) {
	r := c.handles.requests.get(handle)
	if r == nil {
		return nil, nil, errorf(abi.ErrRequest, "%s is not a request", handleName(handle))
	}
	c.on = r.on
	x, ok := r.op.(*partitioned)
	if !ok {
		return nil, nil, errorf(abi.ErrRequest, "the request is not a partitioned one")
	}
	return r, x, nil
}

// pready marks a partition as ready (MPI 5.0, 4.2.2).
func (c *call) pready(handle int32, partition int64) error {
	r, x, err := c.partitionedAt(handle)
	switch {
	case err != nil:
		return err
	case !r.active:
		return errorf(abi.ErrRequest, "the request is not active: call MPI_Start")
	case partition < 0 || partition >= x.partitions:
		return errorf(abi.ErrArg, "there is no partition %d of %d", partition, x.partitions)
	case x.verb == nobody:
		return nil
	case x.verb != sends:
		return errorf(abi.ErrRequest, "the request is not a partitioned send")
	}
	word, bit := &x.ready[partition/64], uint64(1)<<(partition%64)
	if *word&bit != 0 {
		return errorf(abi.ErrArg, "partition %d is ready already", partition)
	}
	*word |= bit
	x.left--
	i := partition / x.per
	if x.waits[i]--; x.waits[i] == 0 {
		x.sendPart(c.Process, i)
	}
	return nil
}

func pready(c *call) error { return c.pready(c.handle(1), c.int(0)) }

func preadyRange(c *call) error {
	for i := c.int(0); i <= c.int(1); i++ {
		if err := c.look(int(i)); err != nil {
			return err
		}
		if err := c.pready(c.handle(2), i); err != nil {
			return err
		}
	}
	return nil
}

func preadyList(c *call) error {
	n, err := c.count(0)
	if err != nil {
		return err
	}
	_, x, err := c.partitionedAt(c.handle(2))
	if err != nil {
		return err
	}
	if n > x.partitions {
		return errorf(abi.ErrArg, "a list of %d partitions where there are %d", n, x.partitions)
	}
	list, err := c.array(c.ptr(1), n, 4)
	if err != nil {
		return err
	}
	for i := range int(n) {
		if err := c.look(i); err != nil {
			return err
		}
		if err := c.pready(c.handle(2), int64(handleIn(list, i))); err != nil {
			return err
		}
	}
	return nil
}

// parrived reports whether a partition has arrived (MPI 5.0, 4.2.2).
func parrived(c *call) error {
	if c.handle(0) == abi.RequestNull { // MPI 5.0, 4.2.3: as a request that is complete
		return c.writeFlag(2, true)
	}
	r, x, err := c.partitionedAt(c.handle(0))
	switch {
	case err != nil:
		return err
	case x.verb == sends:
		return errorf(abi.ErrRequest, "the request is not a partitioned receive")
	case c.int(1) < 0 || c.int(1) >= x.partitions:
		return errorf(abi.ErrArg, "there is no partition %d of %d", c.int(1), x.partitions)
	}
	if err := c.end.Poll(); err != nil {
		return err
	}
	return c.writeFlag(2, !r.active || x.verb == nobody || x.arrived(c.int(1)))
}

var partitionedFunctions = family{
	"Psend_init":   {do: partition(true)},
	"Precv_init":   {do: partition(false)},
	"Pready":       {do: pready},
	"Pready_range": {do: preadyRange},
	"Pready_list":  {do: preadyList},
	"Parrived":     {do: parrived},
}
