package process

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// edge is an edge of a graph in the message from the process that specified it to one of its ends:
// an outgoing or an incoming edge of the receiver.
type edge struct {
	out    bool
	other  int32
	weight int32
}

const edgeBytes = 12

func (e edge) append(b []byte) []byte {
	out := int32(0)
	if e.out {
		out = 1
	}
	return appendRanks(b, []int32{out, e.other, e.weight})
}

// edgesBy reads the edges that this process specifies, parameters 1 to 5 of MPI_Dist_graph_create:
// n, sources, degrees, destinations, weights. It returns, for each process of the communicator, the
// encoded edges that touch it.
func (c *call) edgesBy(comm *Comm) (told [][]byte, weighted bool, err error) {
	n := c.int(1)
	if n < 0 || n > maxEdges {
		return nil, false, errorf(abi.ErrArg, "%d sources: there may be %d", n, maxEdges)
	}
	var lists [2][]int32 // sources, degrees
	for i := range lists {
		b, err := c.array(c.ptr(2+i), n, 4)
		if err != nil {
			return nil, false, err
		}
		lists[i] = parseRanks(b)
	}
	sources, degrees := lists[0], lists[1]
	total := int64(0)
	for _, d := range degrees {
		if d < 0 {
			return nil, false, errorf(abi.ErrArg, "the degree %d is negative", d)
		}
		total += int64(d)
	}
	if total > maxEdges {
		return nil, false, errorf(abi.ErrNoMem, "%d edges: there may be %d", total, maxEdges)
	}
	b, err := c.array(c.ptr(4), total, 4)
	if err != nil {
		return nil, false, err
	}
	destinations := parseRanks(b)
	weights, weighted, err := c.weights(5, total)
	if err != nil {
		return nil, false, err
	}
	for _, list := range [][]int32{sources, destinations} {
		if err := ranksWithin(list, comm); err != nil {
			return nil, false, err
		}
	}
	told = make([][]byte, comm.size())
	k := 0
	for i, from := range sources {
		for range degrees[i] {
			to, weight := destinations[k], int32(0)
			if weighted {
				weight = weights[k]
			}
			told[from] = edge{true, to, weight}.append(told[from])
			told[to] = edge{false, from, weight}.append(told[to])
			k++
		}
	}
	return told, weighted, nil
}

// distGraphCreate is MPI_Dist_graph_create: comm, n, sources, degrees, destinations, weights, info,
// reorder, new communicator. All processes exchange the numbers of edges that each has for each,
// then those that have some send them. The neighbors of a process are ordered by the ranks that
// specified the edges.
func distGraphCreate(c *call) error {
	comm, err := c.intracomm(0)
	if err != nil {
		return err
	}
	told, weighted, err := c.edgesBy(comm)
	if err != nil {
		return err
	}
	if _, err := c.infoOrNull(6); err != nil {
		return err
	}
	sizes := make([]int32, comm.size())
	for i, b := range told {
		sizes[i] = int32(len(b))
	}
	block, err := c.exchangeBlocks(comm, appendRanks(nil, sizes))
	if err != nil {
		return err
	}
	incoming := parseRanks(block) // bytes that each process has for this one
	if err := c.agree(comm, incoming, weighted); err != nil {
		return err
	}
	heard, err := c.sendEdges(comm, told, incoming)
	if err != nil {
		return err
	}
	t := &distGraph{weighted: weighted}
	for _, b := range heard {
		t.addEdges(b)
	}
	for _, list := range [][]int32{t.sources, t.destinations} {
		if err := ranksWithin(list, comm); err != nil {
			return err
		}
	}
	return c.addTopology(comm, comm.size(), t, c.ptr(8))
}

// agree checks that all processes agree whether the graph is weighted, and that none gets more than
// maxEdges edges. All see the same numbers, so all return the same error.
func (c *call) agree(comm *Comm, incoming []int32, weighted bool) error {
	total := int64(0)
	for _, n := range incoming {
		if n < 0 {
			total = math.MaxInt32
			break
		}
		total += int64(n)
	}
	mine := []int32{int32(min(total, math.MaxInt32)), 0}
	if weighted {
		mine[1] = 1
	}
	blocks, err := c.allgather(comm, appendRanks(nil, mine))
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if !bytes.Equal(b[4:], blocks[0][4:]) {
			return errorf(abi.ErrArg, "some processes give MPI_UNWEIGHTED, and some do not")
		}
	}
	for i, b := range blocks {
		if binary.LittleEndian.Uint32(b) > maxEdges*edgeBytes {
			return errorf(abi.ErrNoMem, "rank %d has more than %d edges", i, maxEdges)
		}
	}
	return nil
}

// sendEdges sends each process its edges, and returns those of this one, by the rank that sent
// them.
func (c *call) sendEdges(comm *Comm, told [][]byte, incoming []int32) ([][]byte, error) {
	context := comm.internal(forEdges)
	heard := make([][]byte, comm.size())
	in, out := make([]match.Request, comm.size()), make([]match.Request, comm.size())
	var under []*match.Request
	for i, m := range comm.group.members {
		if i == comm.rank {
			heard[i] = told[i]
			continue
		}
		if n := incoming[i]; n > 0 {
			heard[i] = make([]byte, n)
			c.end.Recv(&in[i], c.private(comm.scope, context, m, 0, m), datatype.Of(heard[i]))
			under = append(under, &in[i])
		}
	}
	for i, m := range comm.group.members {
		if i != comm.rank && len(told[i]) > 0 {
			c.end.Send(&out[i], c.private(comm.scope, context, m, 0, int32(c.rank)), datatype.Of(told[i]), match.Standard)
			under = append(under, &out[i])
		}
	}
	for _, r := range under {
		if err := c.await(r); err != nil {
			return nil, err
		}
	}
	for i := range in {
		if heard[i] != nil && i != comm.rank && in[i].Status.Bytes != int64(len(heard[i])) {
			return nil, errorf(abi.ErrOther, "rank %d does not call the same function", i)
		}
	}
	return heard, nil
}

// addEdges adds the edges that one process sent.
func (t *distGraph) addEdges(b []byte) {
	for ; len(b) >= edgeBytes; b = b[edgeBytes:] {
		e := parseRanks(b[:edgeBytes])
		if e[0] != 0 {
			t.destinations = append(t.destinations, e[1])
			t.weights = append(t.weights, e[2])
		} else {
			t.sources = append(t.sources, e[1])
			t.sourceWeights = append(t.sourceWeights, e[2])
		}
	}
}
