package process

import (
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// graph is a graph topology of which each process knows all edges (MPI 5.0, 8.5.3).
type graph struct {
	index []int32 // end of each node's neighbors in edges
	edges []int32
}

func (t *graph) kind() int64  { return abi.Graph }
func (t *graph) bytes() int64 { return 4 * int64(len(t.index)+len(t.edges)) }

func (t *graph) of(rank int) []int32 {
	start := int32(0)
	if rank > 0 {
		start = t.index[rank-1]
	}
	return t.edges[start:t.index[rank]]
}

func (t *graph) neighbors(rank int) (sources, destinations []int32) {
	list := t.of(rank)
	return list, list
}

// maxEdges bounds the edges of a graph that one process stores.
const maxEdges = 1 << 20

// newGraph is a [shape]: the number of nodes, the index and the edges.
func (c *call) newGraph(comm *Comm) (topology, int, error) {
	nodes := c.int(1)
	if nodes < 0 || nodes > int64(comm.size()) {
		return nil, 0, errorf(abi.ErrArg, "a graph of %d nodes in a communicator of %d", nodes, comm.size())
	}
	index, err := c.array(c.ptr(2), nodes, 4)
	if err != nil {
		return nil, 0, err
	}
	t := &graph{index: parseRanks(index)}
	end := int32(0)
	for i, x := range t.index {
		if x < end {
			return nil, 0, errorf(abi.ErrArg, "the index of node %d is %d, less than the %d before", i, x, end)
		}
		end = x
	}
	if end > maxEdges {
		return nil, 0, errorf(abi.ErrNoMem, "a graph of %d edges: there may be %d", end, maxEdges)
	}
	edges, err := c.array(c.ptr(3), int64(end), 4)
	if err != nil {
		return nil, 0, err
	}
	t.edges = parseRanks(edges)
	for _, e := range t.edges {
		if e < 0 || int64(e) >= nodes {
			return nil, 0, errorf(abi.ErrArg, "an edge to node %d of a graph of %d", e, nodes)
		}
	}
	return t, len(t.index), nil
}

func graphdimsGet(c *call) error {
	_, t, err := withTopology[*graph](c)
	if err != nil {
		return err
	}
	return c.writePair(1, int64(len(t.index)), int64(len(t.edges)))
}

// graphGet is MPI_Graph_get: comm, maxindex, maxedges, index, edges. It stores as much as fits.
func graphGet(c *call) error {
	_, t, err := withTopology[*graph](c)
	if err != nil {
		return err
	}
	if err := c.writeRanks(c.ptr(3), t.index, c.int(1)); err != nil {
		return err
	}
	return c.writeRanks(c.ptr(4), t.edges, c.int(2))
}

// writeRanks stores the first ranks of a list, at most limit.
func (c *call) writeRanks(at uint32, list []int32, limit int64) error {
	if limit < 0 {
		return errorf(abi.ErrArg, "an array of %d", limit)
	}
	list = list[:min(limit, int64(len(list)))]
	b, err := c.array(at, int64(len(list)), 4)
	if err != nil {
		return err
	}
	appendRanks(b[:0], list)
	return nil
}

func graphNeighborsCount(c *call) error {
	comm, t, err := withTopology[*graph](c)
	if err != nil {
		return err
	}
	rank, err := c.rankIn(1, comm)
	if err != nil {
		return err
	}
	return c.writeInt(c.ptr(2), int64(len(t.of(rank))))
}

// graphNeighbors is MPI_Graph_neighbors: comm, rank, maxneighbors, neighbors.
func graphNeighbors(c *call) error {
	comm, t, err := withTopology[*graph](c)
	if err != nil {
		return err
	}
	rank, err := c.rankIn(1, comm)
	if err != nil {
		return err
	}
	return c.writeRanks(c.ptr(3), t.of(rank), c.int(2))
}

// distGraph is a graph topology of which each process knows only its own edges (MPI 5.0, 8.5.4).
type distGraph struct {
	weighted               bool
	sources, destinations  []int32
	sourceWeights, weights []int32 // nil if the graph is not weighted
}

func (t *distGraph) kind() int64  { return abi.DistGraph }
func (t *distGraph) bytes() int64 { return 8 * int64(len(t.sources)+len(t.destinations)) }

func (t *distGraph) neighbors(int) (sources, destinations []int32) { return t.sources, t.destinations }

// adjacent is parameters i, i+1 and i+2: a number of neighbors, their ranks, and the weights of the
// edges.
func (c *call) adjacent(i int, comm *Comm) (ranks, weights []int32, weighted bool, err error) {
	n := c.int(i)
	if n < 0 || n > maxEdges {
		return nil, nil, false, errorf(abi.ErrArg, "%d neighbors: there may be %d", n, maxEdges)
	}
	b, err := c.array(c.ptr(i+1), n, 4)
	if err != nil {
		return nil, nil, false, err
	}
	ranks = parseRanks(b)
	if err := ranksWithin(ranks, comm); err != nil {
		return nil, nil, false, err
	}
	weights, weighted, err = c.weights(i+2, n)
	return ranks, weights, weighted, err
}

func ranksWithin(ranks []int32, comm *Comm) error {
	if i := slices.IndexFunc(ranks, func(r int32) bool { return r < 0 || int(r) >= comm.size() }); i >= 0 {
		return errorf(abi.ErrRank, "rank %d is not in a communicator of %d", ranks[i], comm.size())
	}
	return nil
}

// weights is parameter i, the weights of n edges; nil for MPI_UNWEIGHTED.
func (c *call) weights(i int, n int64) (list []int32, weighted bool, err error) {
	switch at := c.ptr(i); {
	case at == abi.Unweighted:
		return nil, false, nil
	case n == 0:
		return nil, true, nil
	case at == abi.WeightsEmpty:
		return nil, false, errorf(abi.ErrArg, "MPI_WEIGHTS_EMPTY for %d edges", n)
	}
	b, err := c.array(c.ptr(i), n, 4)
	if err != nil {
		return nil, false, err
	}
	list = parseRanks(b)
	if k := slices.IndexFunc(list, func(w int32) bool { return w < 0 }); k >= 0 {
		return nil, false, errorf(abi.ErrArg, "the weight %d is negative", list[k])
	}
	return list, true, nil
}

// distGraphCreateAdjacent is MPI_Dist_graph_create_adjacent: comm, indegree, sources, their
// weights, outdegree, destinations, their weights, info, reorder, new communicator.
func distGraphCreateAdjacent(c *call) error {
	comm, err := c.intracomm(0)
	if err != nil {
		return err
	}
	t := &distGraph{}
	var weightedOut bool
	if t.sources, t.sourceWeights, t.weighted, err = c.adjacent(1, comm); err != nil {
		return err
	}
	if t.destinations, t.weights, weightedOut, err = c.adjacent(4, comm); err != nil {
		return err
	}
	if t.weighted != weightedOut {
		return errorf(abi.ErrArg, "MPI_UNWEIGHTED is for both sources and destinations, or for neither")
	}
	if _, err := c.infoOrNull(7); err != nil {
		return err
	}
	return c.addTopology(comm, comm.size(), t, c.ptr(9))
}

func distGraphNeighborsCount(c *call) error {
	_, t, err := withTopology[*distGraph](c)
	if err != nil {
		return err
	}
	if err := c.writePair(1, int64(len(t.sources)), int64(len(t.destinations))); err != nil {
		return err
	}
	return c.writeFlag(3, t.weighted)
}

// distGraphNeighbors is MPI_Dist_graph_neighbors: comm, maxindegree, sources, their weights,
// maxoutdegree, destinations, their weights. It stores as much as fits.
func distGraphNeighbors(c *call) error {
	_, t, err := withTopology[*distGraph](c)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		i       int
		ranks   []int32
		weights []int32
	}{{1, t.sources, t.sourceWeights}, {4, t.destinations, t.weights}} {
		limit := c.int(x.i)
		if err := c.writeRanks(c.ptr(x.i+1), x.ranks, limit); err != nil {
			return err
		}
		if at := c.ptr(x.i + 2); t.weighted && at != abi.Unweighted && at != abi.WeightsEmpty {
			if err := c.writeRanks(at, x.weights, limit); err != nil {
				return err
			}
		}
	}
	return nil
}
