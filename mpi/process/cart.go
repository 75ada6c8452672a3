package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// cart is a Cartesian topology (MPI 5.0, 8.5.1). Ranks are in row-major order. Each dimension has
// at least one process.
type cart struct {
	dims    []int64
	periods []bool
}

func (t *cart) kind() int64  { return abi.Cart }
func (t *cart) bytes() int64 { return 9 * int64(len(t.dims)) }

// maxDims is the maximum number of dimensions.
const maxDims = 1024

// size is the number of processes; false if that is over limit.
func (t *cart) size(limit int) (int, bool) {
	n := int64(1)
	for _, d := range t.dims {
		if d > int64(limit)/n {
			return 0, false
		}
		n *= d
	}
	return int(n), true
}

func (t *cart) coords(rank int) []int64 {
	list := make([]int64, len(t.dims))
	for i := len(t.dims) - 1; i >= 0; i-- {
		list[i] = int64(rank) % t.dims[i]
		rank /= int(t.dims[i])
	}
	return list
}

// rank is the process at the given coordinates, -1 if they are beyond an edge.
func (t *cart) rank(coords []int64) int64 {
	rank := int64(0)
	for i, d := range t.dims {
		x := coords[i]
		if t.periods[i] {
			x = (x%d + d) % d
		}
		if x < 0 || x >= d {
			return -1
		}
		rank = rank*d + x
	}
	return rank
}

// shifted is the process at a distance along one dimension, MPI_PROC_NULL beyond an edge.
func (t *cart) shifted(rank, dim int, by int64) int64 {
	coords := t.coords(rank)
	coords[dim] += by
	if to := t.rank(coords); to >= 0 {
		return to
	}
	return abi.ProcNull
}

// neighbors are, for each dimension, the process before and the process after.
func (t *cart) neighbors(rank int) (sources, destinations []int32) {
	for i := range t.dims {
		sources = append(sources, int32(t.shifted(rank, i, -1)), int32(t.shifted(rank, i, 1)))
	}
	return sources, sources
}

// ndims is parameter i, a number of dimensions.
func (c *call) ndims(i int) (int64, error) {
	n := c.int(i)
	if n < 0 || n > maxDims {
		return 0, errorf(abi.ErrDims, "%d dimensions: there may be %d", n, maxDims)
	}
	return n, nil
}

// grid is a [shape]: the number of dimensions, their sizes and whether they are periodic.
func (c *call) grid(comm *Comm) (topology, int, error) {
	n, err := c.ndims(1)
	if err != nil {
		return nil, 0, err
	}
	dims, err := c.ints(c.ptr(2), n)
	if err != nil {
		return nil, 0, err
	}
	periods, err := c.ints(c.ptr(3), n)
	if err != nil {
		return nil, 0, err
	}
	t := &cart{dims: dims, periods: make([]bool, n)}
	for i, d := range dims {
		if d <= 0 {
			return nil, 0, errorf(abi.ErrDims, "dimension %d has the size %d", i, d)
		}
		t.periods[i] = periods[i] != 0
	}
	size, ok := t.size(comm.size())
	if !ok {
		return nil, 0, errorf(abi.ErrDims, "the grid %v has more processes than the %d of the communicator", dims, comm.size())
	}
	return t, size, nil
}

func cartdimGet(c *call) error {
	_, t, err := withTopology[*cart](c)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(1), int64(len(t.dims)))
}

// dimsWithin checks that an array of the length in parameter i has room for all dimensions.
func (c *call) dimsWithin(i int, t *cart) error {
	if n := c.int(i); n < int64(len(t.dims)) {
		return errorf(abi.ErrDims, "an array of %d for %d dimensions", n, len(t.dims))
	}
	return nil
}

// cartGet is MPI_Cart_get: comm, maxdims, dims, periods, coords.
func cartGet(c *call) error {
	comm, t, err := withTopology[*cart](c)
	if err != nil {
		return err
	}
	if err := c.dimsWithin(1, t); err != nil {
		return err
	}
	periods := make([]int64, len(t.dims))
	for i, p := range t.periods {
		if p {
			periods[i] = 1
		}
	}
	for i, list := range [][]int64{t.dims, periods, t.coords(comm.rank)} {
		if err := c.writeInts(c.ptr(2+i), list); err != nil {
			return err
		}
	}
	return nil
}

func cartRank(c *call) error {
	_, t, err := withTopology[*cart](c)
	if err != nil {
		return err
	}
	coords, err := c.ints(c.ptr(1), int64(len(t.dims)))
	if err != nil {
		return err
	}
	rank := t.rank(coords)
	if rank < 0 {
		return errorf(abi.ErrArg, "the coordinates %v are not in the grid %v", coords, t.dims)
	}
	return c.writeInt(c.ptr(2), rank)
}

// cartCoords is MPI_Cart_coords: comm, rank, maxdims, coords.
func cartCoords(c *call) error {
	comm, t, err := withTopology[*cart](c)
	if err != nil {
		return err
	}
	rank, err := c.rankIn(1, comm)
	if err != nil {
		return err
	}
	if err := c.dimsWithin(2, t); err != nil {
		return err
	}
	return c.writeInts(c.ptr(3), t.coords(rank))
}

// cartShift is MPI_Cart_shift (MPI 5.0, 8.5.6): comm, direction, displacement, source, destination.
func cartShift(c *call) error {
	comm, t, err := withTopology[*cart](c)
	if err != nil {
		return err
	}
	dim, by := c.int(1), c.int(2)
	if dim < 0 || dim >= int64(len(t.dims)) {
		return errorf(abi.ErrDims, "dimension %d of a grid that has %d", dim, len(t.dims))
	}
	return c.writePair(3, t.shifted(comm.rank, int(dim), -by), t.shifted(comm.rank, int(dim), by))
}

// cartSub is MPI_Cart_sub (MPI 5.0, 8.5.7): comm, for each dimension whether it remains, new
// communicator. It needs no message: every process can compute all groups.
func cartSub(c *call) error {
	comm, t, err := withTopology[*cart](c)
	if err != nil {
		return err
	}
	remain, err := c.ints(c.ptr(1), int64(len(t.dims)))
	if err != nil {
		return err
	}
	sub := &cart{}
	for i, r := range remain {
		if r != 0 {
			sub.dims = append(sub.dims, t.dims[i])
			sub.periods = append(sub.periods, t.periods[i])
		}
	}
	size, _ := sub.size(comm.size())
	coords := t.coords(comm.rank)
	group := &Group{members: make([]int32, size)}
	for i := range group.members {
		for k, x := len(remain)-1, int64(i); k >= 0; k-- {
			if remain[k] != 0 {
				coords[k], x = x%t.dims[k], x/t.dims[k]
			}
		}
		group.members[i] = comm.group.members[t.rank(coords)]
	}
	made := c.newComm(comm, comm.derive(uint64(group.members[0])), group)
	if err := comm.whole(); err != nil {
		return err
	}
	made.topology = sub
	return c.addComm(c.ptr(2), made)
}
