package process

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Collectives that reduce (MPI 5.0, 6.9 to 6.11).

// operands are the buffers, type and operation of a reduction. A send buffer without a type is
// MPI_IN_PLACE.
type operands struct {
	send, recv datatype.Buffer
	op         coll.Op
}

// operands reads a reduction of count elements. Its send and receive buffers are parameters 0 and
// 1, its type and operation 3 and 4. received is the number of elements in the receive buffer if it
// is not also the send buffer; -1 if it is not significant here. sends reports whether the send
// buffer is significant.
func (c *call) operands(comm *Comm, count, received int64, sends bool) (operands, error) {
	var o operands
	t, err := c.datatype(3)
	if err != nil {
		return o, err
	}
	if o.op, err = c.reduceOp(4, 3, t); err != nil {
		return o, err
	}
	inPlace := false
	if sends && received >= 0 {
		if inPlace, err = c.inPlace(0, comm); err != nil {
			return o, err
		}
	}
	if sends && !inPlace {
		if o.send, err = c.bufferAt(c.ptr(0), count, t); err != nil {
			return o, err
		}
	}
	if received < 0 {
		return o, nil
	}
	if inPlace {
		received = count
	} else if sends && c.ptr(0) == c.ptr(1) && o.send.Size() > 0 && received > 0 {
		return o, errorf(abi.ErrBuffer, "the send buffer is the receive buffer: use MPI_IN_PLACE")
	}
	o.recv, err = c.bufferAt(c.ptr(1), received, t)
	return o, err
}

// reduce is MPI_Reduce (MPI 5.0, 6.9.1).
func reduce(c *call, comm *Comm, s *coll.Schedule) error {
	root, err := c.root(5, comm)
	if err != nil || root == abi.ProcNull {
		return err
	}
	count, err := c.count(2)
	if err != nil {
		return err
	}
	received := int64(-1)
	if comm.receives(root) {
		received = count
	}
	o, err := c.operands(comm, count, received, comm.sendsTo(root))
	if err != nil {
		return err
	}
	s.Reduce(o.send, o.recv, o.op, root)
	return nil
}

// allreduce is MPI_Allreduce (MPI 5.0, 6.9.6).
func allreduce(c *call, comm *Comm, s *coll.Schedule) error { return c.toAll(comm, s.Allreduce, true) }

// scan is MPI_Scan (MPI 5.0, 6.11.1).
func scan(c *call, comm *Comm, s *coll.Schedule) error {
	if comm.remote != nil {
		return errorf(abi.ErrComm, "MPI_Scan is not for intercommunicators")
	}
	return c.toAll(comm, s.Scan, true)
}

// exscan is MPI_Exscan (MPI 5.0, 6.11.2): the receive buffer is not significant at rank 0.
func exscan(c *call, comm *Comm, s *coll.Schedule) error {
	if comm.remote != nil {
		return errorf(abi.ErrComm, "MPI_Exscan is not for intercommunicators")
	}
	return c.toAll(comm, s.Exscan, comm.rank > 0 || c.ptr(0) == abi.InPlace)
}

// toAll adds a reduction without a root, with as many input as output elements.
func (c *call) toAll(comm *Comm, add func(send, recv datatype.Buffer, op coll.Op), receives bool) error {
	count, err := c.count(2)
	if err != nil {
		return err
	}
	received := count
	if !receives {
		received = -1
	}
	o, err := c.operands(comm, count, received, true)
	if err != nil {
		return err
	}
	add(o.send, o.recv, o.op)
	return nil
}

// reduceScatterBlock is MPI_Reduce_scatter_block (MPI 5.0, 6.10.1).
func reduceScatterBlock(c *call, comm *Comm, s *coll.Schedule) error {
	count, err := c.count(2)
	if err != nil {
		return err
	}
	n := int64(comm.size())
	if count > math.MaxInt64/n {
		return errorf(abi.ErrCount, "%d blocks of %d elements", n, count)
	}
	return c.reduceScatter(comm, s, count*n, func(int) int64 { return count })
}

// reduceScatter is MPI_Reduce_scatter (MPI 5.0, 6.10.2).
func reduceScatter(c *call, comm *Comm, s *coll.Schedule) error {
	counts, err := c.counts(2, int64(comm.size()))
	if err != nil {
		return err
	}
	total := int64(0)
	for i, n := range counts {
		if n < 0 || n > math.MaxInt64-total {
			return errorf(abi.ErrCount, "the count %d for rank %d", n, i)
		}
		total += n
	}
	return c.reduceScatter(comm, s, total, func(rank int) int64 { return counts[rank] })
}

func (c *call) reduceScatter(comm *Comm, s *coll.Schedule, total int64, counts func(int) int64) error {
	o, err := c.operands(comm, total, counts(comm.rank), true)
	if err != nil {
		return err
	}
	s.ReduceScatter(o.send, o.recv, counts, o.op)
	return nil
}

var reductions = map[string]collective{
	"Reduce":    {6, reduce},
	"Allreduce": {5, allreduce},
	"Scan":      {5, scan},
	"Exscan":    {5, exscan},

	"Reduce_scatter_block": {5, reduceScatterBlock},
	"Reduce_scatter":       {5, reduceScatter},
}
