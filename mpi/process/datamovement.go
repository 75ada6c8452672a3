package process

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Collectives that move data (MPI 5.0, 6.3 to 6.8). Parameters that are not significant on this
// rank, such as a receive buffer away from the root, are not read.

// root is parameter i, the root of an operation on comm.
func (c *call) root(i int, comm *Comm) (int, error) {
	root := c.int(i)
	if comm.remote != nil && (root == abi.Root || root == abi.ProcNull) {
		return int(root), nil
	}
	if n := len(comm.peers().members); root < 0 || root >= int64(n) {
		return 0, errorf(abi.ErrRoot, "root %d is not among the %d ranks", root, n)
	}
	return int(root), nil
}

// sendsTo reports whether this process sends data to the root, receives whether it is the root that
// gets the data. For a scatter or broadcast the directions are reversed.
func (comm *Comm) sendsTo(root int) bool { return comm.remote == nil || root >= 0 }
func (comm *Comm) receives(root int) bool {
	return comm.remote == nil && comm.rank == root || root == abi.Root
}

// inPlace reports whether parameter i is MPI_IN_PLACE and that is allowed, which is on
// intracommunicators (MPI 5.0, 6.2.3).
func (c *call) inPlace(i int, comm *Comm) (bool, error) {
	if c.ptr(i) != abi.InPlace {
		return false, nil
	}
	if comm.remote != nil {
		return false, errorf(abi.ErrBuffer, "MPI_IN_PLACE on an intercommunicator")
	}
	return true, nil
}

// bufferOrInPlace is the buffer whose address, count and type are parameters i, i+1 and i+2; a
// buffer without type for MPI_IN_PLACE.
func (c *call) bufferOrInPlace(i int, comm *Comm) (datatype.Buffer, error) {
	if in, err := c.inPlace(i, comm); in || err != nil {
		return datatype.Buffer{}, err
	}
	return c.buffer(i)
}

// blocks is the n blocks of a buffer. Its address, the count of one block and the type are
// parameters i, i+1 and i+2.
func (c *call) blocks(i int, n int) (coll.Blocks, error) {
	count, err := c.count(i + 1)
	if err != nil {
		return coll.Blocks{}, err
	}
	t, err := c.datatype(i + 2)
	if err != nil {
		return coll.Blocks{}, err
	}
	if n > 0 && count > math.MaxInt64/int64(n) {
		return coll.Blocks{}, errorf(abi.ErrCount, "%d blocks of %d elements", n, count)
	}
	b, err := c.bufferAt(c.ptr(i), count*int64(n), t)
	b.Count = count
	return coll.Blocks{One: b}, err
}

// displaced is a block: count elements of t at disp bytes from the address in parameter i.
// overflow: disp does not fit the address space.
func (c *call) displaced(i int, disp int64, overflow bool, count int64, t *datatype.Type) (datatype.Buffer, error) {
	if count < 0 {
		return datatype.Buffer{}, errorf(abi.ErrCount, "the count %d is negative", count)
	}
	if count == 0 || t.Size() == 0 {
		return datatype.Buffer{Type: t}, nil
	}
	if c.ptr(i) == abi.InPlace {
		return datatype.Buffer{}, errorf(abi.ErrBuffer, "MPI_IN_PLACE where it means nothing")
	}
	b, ok := c.within(int64(c.ptr(i))+disp, count, t)
	if !overflow && !ok && int64(c.ptr(i)) < c.guard {
		return b, errorf(abi.ErrBuffer, "%s where %d elements of %d bytes are needed", nullName(int64(c.ptr(i))), count, t.Size())
	}
	if overflow || !ok {
		return b, errorf(abi.ErrBuffer, "%d elements of %d bytes at address %#x and displacement %d are not within the program's memory", count, t.Size(), c.ptr(i), disp)
	}
	return b, nil
}

// layout is the indices of the parameters that describe blocks of different sizes.
type layout struct{ buf, counts, displs, types int }

// anyBlocks is n blocks of elements of one type, each with a count and a displacement.
func (c *call) anyBlocks(l layout, n int) (coll.Blocks, error) {
	t, err := c.datatype(l.types)
	if err != nil {
		return coll.Blocks{}, err
	}
	_, extent := t.Extent()
	return c.eachBlock(l, n, func(i int, count, disp int64) (datatype.Buffer, error) {
		overflow := disp != 0 && (extent >= 1<<32 || extent <= -1<<32)
		if overflow {
			return c.displaced(l.buf, 0, true, count, t)
		}
		return c.displaced(l.buf, disp*extent, false, count, t)
	})
}

// ownBlocks is n blocks, each with a count, a displacement in bytes and a type. The type of an
// empty block is not checked.
func (c *call) ownBlocks(l layout, n int) (coll.Blocks, error) {
	types, err := c.ints(c.ptr(l.types), int64(n))
	if err != nil {
		return coll.Blocks{}, err
	}
	return c.eachBlock(l, n, func(i int, count, disp int64) (datatype.Buffer, error) {
		t, err := c.committed(int32(types[i]))
		if err != nil {
			if count == 0 {
				return datatype.Buffer{Type: datatype.Named(abi.Byte)}, nil
			}
			return datatype.Buffer{}, err
		}
		return c.displaced(l.buf, disp, false, count, t)
	})
}

func (c *call) eachBlock(l layout, n int, block func(i int, count, disp int64) (datatype.Buffer, error)) (coll.Blocks, error) {
	list := c.building.Buffers(n)
	if err := c.building.Err(); err != nil {
		return coll.Blocks{}, err
	}
	counts, err := c.counts(l.counts, int64(n))
	if err != nil {
		return coll.Blocks{}, err
	}
	displs, err := c.ints(c.ptr(l.displs), int64(n)) // an MPI_Aint is as large as an int
	if err != nil {
		return coll.Blocks{}, err
	}
	for i := range list {
		if list[i], err = block(i, counts[i], displs[i]); err != nil {
			return coll.Blocks{}, err
		}
	}
	return coll.Blocks{Each: list}, nil
}

// barrier is MPI_Barrier (MPI 5.0, 6.3).
func barrier(_ *call, _ *Comm, s *coll.Schedule) error {
	s.Barrier()
	return nil
}

// bcast is MPI_Bcast (MPI 5.0, 6.4).
func bcast(c *call, comm *Comm, s *coll.Schedule) error {
	root, err := c.root(3, comm)
	if err != nil || root == abi.ProcNull {
		return err
	}
	b, err := c.buffer(0)
	if err != nil {
		return err
	}
	s.Bcast(b, root)
	return nil
}

// gather is MPI_Gather (MPI 5.0, 6.5).
func gather(c *call, comm *Comm, s *coll.Schedule) error {
	return c.gather(comm, 6, s.Gather, func() (coll.Blocks, error) { return c.blocks(3, len(comm.peers().members)) })
}

func gatherv(c *call, comm *Comm, s *coll.Schedule) error {
	return c.gather(comm, 7, s.Gatherv, func() (coll.Blocks, error) {
		return c.anyBlocks(layout{3, 4, 5, 6}, len(comm.peers().members))
	})
}

func (c *call) gather(comm *Comm, rootAt int, add func(send datatype.Buffer, recv coll.Blocks, root int), blocks func() (coll.Blocks, error)) error {
	root, err := c.root(rootAt, comm)
	if err != nil {
		return err
	}
	var send datatype.Buffer
	var recv coll.Blocks
	if comm.receives(root) {
		if recv, err = blocks(); err != nil {
			return err
		}
	}
	if comm.sendsTo(root) {
		if comm.receives(root) {
			send, err = c.bufferOrInPlace(0, comm)
		} else {
			send, err = c.buffer(0)
		}
		if err != nil {
			return err
		}
	}
	add(send, recv, root)
	return nil
}

// scatter is MPI_Scatter (MPI 5.0, 6.6).
func scatter(c *call, comm *Comm, s *coll.Schedule) error {
	return c.scatter(comm, 6, s.Scatter, func() (coll.Blocks, error) { return c.blocks(0, len(comm.peers().members)) }, 3)
}

func scatterv(c *call, comm *Comm, s *coll.Schedule) error {
	return c.scatter(comm, 7, s.Scatterv, func() (coll.Blocks, error) {
		return c.anyBlocks(layout{0, 1, 2, 3}, len(comm.peers().members))
	}, 4)
}

func (c *call) scatter(comm *Comm, rootAt int, add func(send coll.Blocks, recv datatype.Buffer, root int), blocks func() (coll.Blocks, error), recvAt int) error {
	root, err := c.root(rootAt, comm)
	if err != nil {
		return err
	}
	var send coll.Blocks
	var recv datatype.Buffer
	if comm.receives(root) {
		if send, err = blocks(); err != nil {
			return err
		}
	}
	if comm.sendsTo(root) {
		if comm.receives(root) {
			recv, err = c.bufferOrInPlace(recvAt, comm)
		} else {
			recv, err = c.buffer(recvAt)
		}
		if err != nil {
			return err
		}
	}
	add(send, recv, root)
	return nil
}

// allgather is MPI_Allgather (MPI 5.0, 6.7).
func allgather(c *call, comm *Comm, s *coll.Schedule) error {
	send, err := c.bufferOrInPlace(0, comm)
	if err != nil {
		return err
	}
	recv, err := c.blocks(3, len(comm.peers().members))
	if err != nil {
		return err
	}
	s.Allgather(send, recv)
	return nil
}

func allgatherv(c *call, comm *Comm, s *coll.Schedule) error {
	send, err := c.bufferOrInPlace(0, comm)
	if err != nil {
		return err
	}
	recv, err := c.anyBlocks(layout{3, 4, 5, 6}, len(comm.peers().members))
	if err != nil {
		return err
	}
	s.Allgatherv(send, recv)
	return nil
}

// alltoall is MPI_Alltoall (MPI 5.0, 6.8).
func alltoall(c *call, comm *Comm, s *coll.Schedule) error {
	n := len(comm.peers().members)
	return c.alltoall(comm, s.Alltoall,
		func() (coll.Blocks, error) { return c.blocks(0, n) },
		func() (coll.Blocks, error) { return c.blocks(3, n) })
}

func alltoallv(c *call, comm *Comm, s *coll.Schedule) error {
	n := len(comm.peers().members)
	return c.alltoall(comm, s.Alltoallw,
		func() (coll.Blocks, error) { return c.anyBlocks(layout{0, 1, 2, 3}, n) },
		func() (coll.Blocks, error) { return c.anyBlocks(layout{4, 5, 6, 7}, n) })
}

func alltoallw(c *call, comm *Comm, s *coll.Schedule) error {
	n := len(comm.peers().members)
	return c.alltoall(comm, s.Alltoallw,
		func() (coll.Blocks, error) { return c.ownBlocks(layout{0, 1, 2, 3}, n) },
		func() (coll.Blocks, error) { return c.ownBlocks(layout{4, 5, 6, 7}, n) })
}

func (c *call) alltoall(comm *Comm, add func(send, recv coll.Blocks), send, recv func() (coll.Blocks, error)) error {
	var from coll.Blocks
	in, err := c.inPlace(0, comm)
	if err == nil && !in {
		from, err = send()
	}
	if err != nil {
		return err
	}
	to, err := recv()
	if err != nil {
		return err
	}
	add(from, to)
	return nil
}

var movements = map[string]collective{
	"Barrier":    {0, barrier},
	"Bcast":      {4, bcast},
	"Gather":     {7, gather},
	"Gatherv":    {8, gatherv},
	"Scatter":    {7, scatter},
	"Scatterv":   {8, scatterv},
	"Allgather":  {6, allgather},
	"Allgatherv": {7, allgatherv},
	"Alltoall":   {6, alltoall},
	"Alltoallv":  {8, alltoallv},
	"Alltoallw":  {8, alltoallw},
}
