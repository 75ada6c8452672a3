package process

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// topology is the virtual topology of a communicator (MPI 5.0, chapter 8). It is immutable. Ranks
// are never reordered: a process has the same rank in the new communicator as in the old one.
type topology interface {
	kind() int64 // MPI_CART, MPI_GRAPH or MPI_DIST_GRAPH
	// neighbors are the ranks that a rank receives from, and those it sends to, in neighborhood
	// collectives, in the order of their blocks (MPI 5.0, 8.6); MPI_PROC_NULL beyond an edge. A
	// distributed graph knows only those of its own rank.
	neighbors(rank int) (sources, destinations []int32)
	bytes() int64 // estimated host memory
}

// neighbors are those of this process: see topology. It is an error if the communicator has no
// topology (MPI 5.0, 8.6).
func (c *Comm) neighbors() (sources, destinations []int32, err error) {
	if c.topology == nil {
		return nil, nil, errorf(abi.ErrTopology, "%s has no topology", c)
	}
	sources, destinations = c.topology.neighbors(c.rank)
	return sources, destinations, nil
}

// withTopology is parameter 0, a communicator with a topology of the given kind.
func withTopology[T topology](c *call) (*Comm, T, error) {
	var none T
	comm, err := c.comm(0)
	if err != nil {
		return nil, none, err
	}
	if t, ok := comm.topology.(T); ok {
		return comm, t, nil
	}
	return nil, none, errorf(abi.ErrTopology, "%s has no topology of this kind", comm)
}

// rankIn is parameter i, a rank in the local group of a communicator.
func (c *call) rankIn(i int, comm *Comm) (int, error) {
	rank := c.int(i)
	if rank < 0 || rank >= int64(comm.size()) {
		return 0, errorf(abi.ErrRank, "rank %d is not in a communicator of %d", rank, comm.size())
	}
	return int(rank), nil
}

func topoTest(c *call) error {
	comm, err := c.comm(0)
	if err != nil {
		return err
	}
	if comm.topology == nil {
		return c.writeInt(c.ptr(1), abi.Undefined)
	}
	return c.writeInt(c.ptr(1), comm.topology.kind())
}

// addTopology makes a communicator of the first n members of another, with a topology, and stores
// its handle. The other members get MPI_COMM_NULL.
func (c *call) addTopology(from *Comm, n int, t topology, at uint32) error {
	context := from.derive()
	if err := from.whole(); err != nil {
		return err
	}
	if from.rank >= n {
		return c.addComm(at, nil)
	}
	group := from.group
	if n < group.size() {
		group = &Group{members: group.members[:n:n]}
	}
	comm := c.newComm(from, context, group)
	comm.topology = t
	return c.addComm(at, comm)
}

// shape reads parameters 1, 2 and 3: a topology of the first n members of a communicator.
type shape func(c *call, comm *Comm) (t topology, n int, err error)

// topologyCreate is MPI_Cart_create and MPI_Graph_create: comm, its shape, reorder, new
// communicator.
func topologyCreate(read shape) func(c *call) error {
	return func(c *call) error {
		comm, err := c.intracomm(0)
		if err != nil {
			return err
		}
		t, n, err := read(c, comm)
		if err != nil {
			return err
		}
		return c.addTopology(comm, n, t, c.ptr(5))
	}
}

// topologyMap is MPI_Cart_map and MPI_Graph_map (MPI 5.0, 8.5.8): comm, its shape, the rank of this
// process in it.
func topologyMap(read shape) func(c *call) error {
	return func(c *call) error {
		comm, err := c.intracomm(0)
		if err != nil {
			return err
		}
		_, n, err := read(c, comm)
		if err != nil {
			return err
		}
		rank := int64(comm.rank)
		if comm.rank >= n {
			rank = abi.Undefined
		}
		return c.writeInt(c.ptr(4), rank)
	}
}

var topologyFunctions = family{
	"Topo_test":                  {do: topoTest},
	"Dims_create":                {do: dimsCreate},
	"Cart_create":                {do: topologyCreate((*call).grid)},
	"Cart_map":                   {do: topologyMap((*call).grid)},
	"Cartdim_get":                {do: cartdimGet},
	"Cart_get":                   {do: cartGet},
	"Cart_rank":                  {do: cartRank},
	"Cart_coords":                {do: cartCoords},
	"Cart_shift":                 {do: cartShift},
	"Cart_sub":                   {do: cartSub},
	"Graph_create":               {do: topologyCreate((*call).newGraph)},
	"Graph_map":                  {do: topologyMap((*call).newGraph)},
	"Graphdims_get":              {do: graphdimsGet},
	"Graph_get":                  {do: graphGet},
	"Graph_neighbors_count":      {do: graphNeighborsCount},
	"Graph_neighbors":            {do: graphNeighbors},
	"Dist_graph_create":          {do: distGraphCreate},
	"Dist_graph_create_adjacent": {do: distGraphCreateAdjacent},
	"Dist_graph_neighbors_count": {do: distGraphNeighborsCount},
	"Dist_graph_neighbors":       {do: distGraphNeighbors},
}
