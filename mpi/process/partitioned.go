package process

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// partitioned is the operation of a partitioned send or receive (MPI 5.0, chapter 4). It is one
// message, sent when its last partition is ready.
type partitioned struct {
	message
	partitions int64
	ready      []uint64 // of a send: one bit for each partition
	left       int64    // number of partitions that are not ready
	charged    int64    // bytes
}

// channel identifies partitioned sends and receives that match each other. Those of one channel
// match in the order in which they were initialized (MPI 5.0, 4.2.1).
type channel struct {
	context   uint64
	peer, tag int32
	send      bool
}

// channelBytes is the charge for a channel.
const channelBytes = 64

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
			x.env.Source = int32(c.int(4))
			c.checkReceive(&x.message)
		}
		if err = c.join(x, channel{on.context, int32(c.int(4)), x.env.Tag, send}); err == nil {
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
	x.buf, err = c.bufferAt(c.ptr(0), each*x.partitions, t)
	return err
}

// makeFlags allocates the ready bits of a send. If it is freed before all partitions are ready they
// stay allocated and charged.
func (c *call) makeFlags(x *partitioned) error {
	words := (x.partitions + 63) / 64
	if err := c.charge(smallObject + 8*words); err != nil {
		return err
	}
	x.charged = smallObject + 8*words
	x.ready = make([]uint64, words)
	return nil
}

// join assigns an operation the next context of its channel.
func (c *call) join(x *partitioned, ch channel) error {
	n, known := c.channels[ch]
	if !known {
		if err := c.charge(channelBytes); err != nil {
			return err
		}
	}
	if c.channels == nil {
		c.channels = map[channel]uint64{}
	}
	c.channels[ch] = n + 1
	x.env.Context = hashContext(x.env.Context, 'p', n)
	return nil
}

func (x *partitioned) start(p *Process) error {
	if x.verb != sends {
		return x.message.start(p)
	}
	clear(x.ready)
	if x.left = x.partitions; x.left == 0 {
		return x.message.start(p)
	}
	return nil
}

func (x *partitioned) done() bool { return x.left == 0 && x.message.done() }

// cancel does nothing: partitioned operations cannot be cancelled (MPI 5.0, 3.8.4).
func (x *partitioned) cancel(*Process) {}

func (x *partitioned) free(p *Process) { p.refund(x.charged) }

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
	if x.left--; x.left == 0 {
		return x.message.start(c.Process)
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
	return c.writeFlag(2, !r.active || x.done())
}

var partitionedFunctions = family{
	"Psend_init":   {do: partition(true)},
	"Precv_init":   {do: partition(false)},
	"Pready":       {do: pready},
	"Pready_range": {do: preadyRange},
	"Pready_list":  {do: preadyList},
	"Parrived":     {do: parrived},
}
