package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
)

// Neighborhood collectives (MPI 5.0, 8.6): each process exchanges blocks with its neighbours in the
// communicator's topology. MPI_IN_PLACE is not allowed.

// neighborly is an operation that reads its blocks, given the numbers of neighbours it receives
// from and sends to.
func neighborly(read func(c *call, in, out int) (send, recv coll.Blocks, err error)) func(*call, *Comm, *coll.Schedule) error {
	return func(c *call, comm *Comm, s *coll.Schedule) error {
		in, out, err := comm.neighbors()
		if err != nil {
			return err
		}
		send, recv, err := read(c, len(in), len(out))
		if err != nil {
			return err
		}
		s.Neighbors(out, in, send, recv, comm.topology.kind() == abi.Cart)
		return nil
	}
}

// sameForAll is the same block for each of n neighbours: the buffer whose address, count and type
// are parameters 0, 1 and 2.
func (c *call) sameForAll(n int) (coll.Blocks, error) {
	b, err := c.buffer(0)
	if err != nil {
		return coll.Blocks{}, err
	}
	list := c.building.Buffers(n)
	for i := range list {
		list[i] = b
	}
	return coll.Blocks{Each: list}, c.building.Err()
}

func neighborAllgather(c *call, in, out int) (send, recv coll.Blocks, err error) {
	if send, err = c.sameForAll(out); err == nil {
		recv, err = c.blocks(3, in)
	}
	return send, recv, err
}

func neighborAllgatherv(c *call, in, out int) (send, recv coll.Blocks, err error) {
	if send, err = c.sameForAll(out); err == nil {
		recv, err = c.anyBlocks(layout{3, 4, 5, 6}, in)
	}
	return send, recv, err
}

func neighborAlltoall(c *call, in, out int) (send, recv coll.Blocks, err error) {
	if send, err = c.blocks(0, out); err == nil {
		recv, err = c.blocks(3, in)
	}
	return send, recv, err
}

func neighborAlltoallv(c *call, in, out int) (send, recv coll.Blocks, err error) {
	if send, err = c.anyBlocks(layout{0, 1, 2, 3}, out); err == nil {
		recv, err = c.anyBlocks(layout{4, 5, 6, 7}, in)
	}
	return send, recv, err
}

func neighborAlltoallw(c *call, in, out int) (send, recv coll.Blocks, err error) {
	if send, err = c.ownBlocks(layout{0, 1, 2, 3}, out); err == nil {
		recv, err = c.ownBlocks(layout{4, 5, 6, 7}, in)
	}
	return send, recv, err
}

var neighborhoods = map[string]collective{
	"Neighbor_allgather":  {6, neighborly(neighborAllgather)},
	"Neighbor_allgatherv": {7, neighborly(neighborAllgatherv)},
	"Neighbor_alltoall":   {6, neighborly(neighborAlltoall)},
	"Neighbor_alltoallv":  {8, neighborly(neighborAlltoallv)},
	"Neighbor_alltoallw":  {8, neighborly(neighborAlltoallw)},
}
