package process

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

func commSize(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(comm.size()))
}

func commRank(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(comm.rank))
}

func noParent(c *call) error { return c.writeInt(c.ptr(0), abi.CommNull) }

var communicatorFunctions = family{
	"Comm_size":       {do: commSize},
	"Comm_rank":       {do: commRank},
	"Comm_get_parent": {do: noParent},
}
