package process

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

func TestDimsCreate(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		dims := func(nodes int, list ...int32) []int32 {
			at := g.ints(list...)
			g.must("MPI_Dims_create", nodes, len(list), at)
			return g.getInts(at, len(list))
		}
		for _, x := range []struct {
			nodes      int
			dims, want []int32
		}{
			// The examples of MPI 5.0, 8.5.2.
			{6, []int32{0, 0}, []int32{3, 2}},
			{7, []int32{0, 0}, []int32{7, 1}},
			{6, []int32{0, 3, 0}, []int32{2, 3, 1}},
			// As close to each other as possible, in non-increasing order.
			{1, []int32{0, 0, 0}, []int32{1, 1, 1}},
			{8, []int32{0, 0, 0}, []int32{2, 2, 2}},
			{12, []int32{0, 0, 0}, []int32{3, 2, 2}},
			{16, []int32{0, 0}, []int32{4, 4}},
			{24, []int32{0, 0, 0}, []int32{4, 3, 2}},
			{36, []int32{0, 0, 0}, []int32{4, 3, 3}},
			{48, []int32{0, 0, 0}, []int32{4, 4, 3}},
			{72, []int32{0, 0, 0}, []int32{6, 4, 3}},
			{30, []int32{0, 0, 0, 0}, []int32{5, 3, 2, 1}},
			{1 << 30, []int32{0, 0, 0}, []int32{1 << 10, 1 << 10, 1 << 10}},
			{1<<31 - 1, []int32{0, 0}, []int32{1<<31 - 1, 1}},
			{56, []int32{0, 0, 0, 0, 0}, []int32{7, 2, 2, 2, 1}},
			// Values that are set stay.
			{24, []int32{0, 2, 0}, []int32{4, 2, 3}},
			{5, []int32{5}, []int32{5}},
			{6, []int32{3}, []int32{3}},
			{4, nil, []int32{}},
		} {
			if got := dims(x.nodes, x.dims...); !slices.Equal(got, x.want) {
				t.Errorf("%d over %v: %v, not %v", x.nodes, x.dims, got, x.want)
			}
		}
		if got := dims(64, make([]int32, 1000)...); got[5] != 2 || got[6] != 1 || got[999] != 1 {
			t.Errorf("64 over 1000: %v", got[:10])
		}
		// MPI 5.0, 8.5.2: not a multiple; a negative entry.
		g.want(abi.ErrDims, "MPI_Dims_create", 7, 3, g.ints(0, 3, 0))
		g.want(abi.ErrDims, "MPI_Dims_create", 6, 2, g.ints(-1, 0))
		g.want(abi.ErrArg, "MPI_Dims_create", 0, 2, g.ints(0, 0))
		g.want(abi.ErrDims, "MPI_Dims_create", 6, -1, g.ints(0, 0))
		g.want(abi.ErrArg, "MPI_Dims_create", 6, 2, uint32(1<<31))
	})
}

// All factorizations of small numbers are tried to find the best one. Large numbers with many
// divisors take little time.
func TestBalanced(t *testing.T) {
	var all func(n, most int64, k int) [][]int64
	all = func(n, most int64, k int) (lists [][]int64) {
		if k == 0 {
			if n == 1 {
				lists = append(lists, nil)
			}
			return lists
		}
		for d := int64(1); d <= min(n, most); d++ {
			if n%d == 0 {
				for _, rest := range all(n/d, d, k-1) {
					lists = append(lists, append([]int64{d}, rest...))
				}
			}
		}
		return lists
	}
	for n := int64(1); n <= 720; n++ {
		for k := 1; k <= 5; k++ {
			lists := all(n, n, k)
			best := slices.MinFunc(lists, func(a, b []int64) int {
				if d := int((a[0] - a[k-1]) - (b[0] - b[k-1])); d != 0 {
					return d
				}
				return slices.Compare(a, b)
			})
			if got := balanced(n, k); !slices.Equal(got, best) {
				t.Fatalf("%d in %d: %v, not %v", n, k, got, best)
			}
		}
	}
	for _, n := range []int64{735134400, 1396755360, 1 << 30, 2147483640, 223092870, 3 * 715827881, 1<<31 - 1} {
		for k := 1; k <= 40; k++ {
			product := int64(1)
			for _, d := range balanced(n, k) {
				product *= d
			}
			if product != n {
				t.Errorf("%d in %d makes %d", n, k, product)
			}
		}
	}
}

func (g *guest) wantInts(what string, at uint32, want ...int32) {
	g.Helper()
	if got := g.getInts(at, len(want)); !slices.Equal(got, want) {
		g.Errorf("rank %d: %s: %v, not %v", g.rank, what, got, want)
	}
}

func TestCart(t *testing.T) {
	onLayouts(t, func(g *guest) {
		// Two by three, periodic in the columns: 6 of 7 ranks.
		comm := g.out("MPI_Cart_create", abi.CommWorld, 2, g.ints(2, 3), g.ints(0, 1), 1)
		if g.rank == 6 {
			// MPI 5.0, 8.5.1: processes beyond the grid get MPI_COMM_NULL.
			g.check("the communicator", comm, abi.CommNull)
			return
		}
		g.wantComm("the grid", comm, 0, 1, 2, 3, 4, 5)
		g.check("topology", g.out("MPI_Topo_test", comm), abi.Cart)
		g.check("topology of MPI_COMM_WORLD", g.out("MPI_Topo_test", abi.CommWorld), abi.Undefined)
		g.check("dimensions", g.out("MPI_Cartdim_get", comm), 2)
		r := int32(g.rank)
		row, col := r/3, r%3
		dims, periods, coords := g.ints(9, 9), g.ints(9, 9), g.ints(9, 9, 9)
		g.must("MPI_Cart_get", comm, 2, dims, periods, coords)
		g.wantInts("dims", dims, 2, 3)
		g.wantInts("periods", periods, 0, 1)
		g.wantInts("coords", coords, row, col, 9)
		// MPI 5.0, 8.5: row-major numbering.
		for rank := range int32(6) {
			g.must("MPI_Cart_coords", comm, rank, 3, coords)
			g.wantInts("coords", coords, rank/3, rank%3, 9)
			g.check("rank", g.out("MPI_Cart_rank", comm, g.ints(rank/3, rank%3)), rank)
			// MPI 5.0, 8.5.5: coordinates out of range wrap around in a periodic dimension.
			g.check("rank", g.out("MPI_Cart_rank", comm, g.ints(rank/3, rank%3-6)), rank)
		}
		// MPI 5.0, 8.5.6: MPI_PROC_NULL beyond an edge; a periodic dimension wraps around.
		shift := func(dim, by int) (source, destination int32) {
			at := g.alloc(8)
			g.must("MPI_Cart_shift", comm, dim, by, at, at+4)
			return g.getInt(at), g.getInt(at + 4)
		}
		up, down := shift(0, 1)
		wantUp, wantDown := r-3, r+3
		if row == 0 {
			wantUp = abi.ProcNull
		} else {
			wantDown = abi.ProcNull
		}
		g.check("up", up, wantUp)
		g.check("down", down, wantDown)
		left, right := shift(1, 1)
		g.check("left", left, row*3+(col+2)%3)
		g.check("right", right, row*3+(col+1)%3)
		left, right = shift(1, -4)
		g.check("by -4: source", left, row*3+(col+1)%3)
		g.check("by -4: destination", right, row*3+(col+2)%3)

		// MPI 5.0, 8.6: neighbors by dimension, first the one before, then the one after.
		sources, destinations, err := g.p.handles.comms.get(comm).neighbors()
		want := []int32{wantUp, wantDown, row*3 + (col+2)%3, row*3 + (col+1)%3}
		if err != nil || !slices.Equal(sources, want) || !slices.Equal(destinations, want) {
			t.Errorf("neighbors %v %v %v, not %v", sources, destinations, err, want)
		}

		// MPI 5.0, 7.4.2: a duplicate has the topology.
		dup := g.out("MPI_Comm_dup", comm)
		g.check("dimensions of a duplicate", g.out("MPI_Cartdim_get", dup), 2)

		// MPI 5.0, 8.5.7
		rows := g.out("MPI_Cart_sub", comm, g.ints(0, 1))
		g.wantComm("the row", rows, row*3, row*3+1, row*3+2)
		g.must("MPI_Cart_get", rows, 1, dims, periods, coords)
		g.wantInts("dims of the row", dims, 3, 3)
		g.wantInts("periods of the row", periods, 1)
		g.wantInts("coords in the row", coords, col)
		cols := g.out("MPI_Cart_sub", comm, g.ints(1, 0))
		g.wantComm("the column", cols, col, col+3)
		none := g.out("MPI_Cart_sub", comm, g.ints(0, 0))
		g.wantComm("no dimension", none, r)
		g.check("dimensions", g.out("MPI_Cartdim_get", none), 0)
		g.check("dimensions", g.out("MPI_Cartdim_get", g.out("MPI_Cart_sub", none, 0)), 0)

		g.returning()
		g.must("MPI_Comm_set_errhandler", comm, abi.ErrorsReturn)
		out := g.alloc(16)
		g.want(abi.ErrArg, "MPI_Cart_rank", comm, g.ints(2, 0), out)
		g.want(abi.ErrArg, "MPI_Cart_rank", comm, g.ints(-1<<31, 0), out)
		g.want(abi.ErrRank, "MPI_Cart_coords", comm, 6, 2, out)
		g.want(abi.ErrDims, "MPI_Cart_coords", comm, 0, 1, out)
		g.want(abi.ErrDims, "MPI_Cart_shift", comm, 2, 1, out, out)
		g.want(abi.ErrTopology, "MPI_Cartdim_get", abi.CommWorld, out)
		g.want(abi.ErrTopology, "MPI_Graphdims_get", comm, out, out)
	})
}

func TestCartErrors(t *testing.T) {
	jobOn(t, []int{0, 1, 0, 1}, func(g *guest) {
		g.returning()
		out := g.alloc(4)
		// MPI 5.0, 8.5.1: a grid that is larger than the group is an error.
		g.want(abi.ErrDims, "MPI_Cart_create", abi.CommWorld, 2, g.ints(2, 3), g.ints(0, 0), 0, out)
		g.want(abi.ErrDims, "MPI_Cart_create", abi.CommWorld, 4, g.ints(1<<16, 1<<16, 1<<16, 1<<16), g.ints(0, 0, 0, 0), 0, out)
		g.want(abi.ErrDims, "MPI_Cart_create", abi.CommWorld, 2, g.ints(0, 2), g.ints(0, 0), 0, out)
		g.want(abi.ErrDims, "MPI_Cart_create", abi.CommWorld, 1<<30, g.ints(1), g.ints(0), 0, out)
		g.want(abi.ErrArg, "MPI_Cart_create", abi.CommWorld, 2, uint32(len(g.mem)-4), g.ints(0, 0), 0, out)
		// MPI 5.0, 8.5.1: a grid without dimensions is a communicator of one process.
		comm := g.out("MPI_Cart_create", abi.CommWorld, 0, 0, 0, 0)
		if g.rank == 0 {
			g.wantComm("no dimension", comm, 0)
			g.check("rank", g.out("MPI_Cart_rank", comm, 0), 0)
		} else {
			g.check("no dimension", comm, abi.CommNull)
		}
		// MPI 5.0, 8.5.8
		want := int32(g.rank)
		if g.rank == 3 {
			want = abi.Undefined
		}
		g.check("mapped", g.out("MPI_Cart_map", abi.CommWorld, 1, g.ints(3), g.ints(0)), want)
		g.check("mapped", g.out("MPI_Graph_map", abi.CommWorld, 3, g.ints(1, 2, 2), g.ints(1, 0)), want)
	})
}

// The graph of the example of MPI 5.0, 8.5.3.
func TestGraph(t *testing.T) {
	onLayouts(t, func(g *guest) {
		comm := g.out("MPI_Graph_create", abi.CommWorld, 4, g.ints(2, 3, 4, 6), g.ints(1, 3, 0, 3, 0, 2), 0)
		if g.rank >= 4 {
			g.check("the communicator", comm, abi.CommNull)
			return
		}
		g.wantComm("the graph", comm, 0, 1, 2, 3)
		g.check("topology", g.out("MPI_Topo_test", comm), abi.Graph)
		at := g.alloc(8)
		g.must("MPI_Graphdims_get", comm, at, at+4)
		g.wantInts("dims", at, 4, 6)
		index, edges := g.ints(9, 9, 9, 9, 9), g.ints(9, 9, 9, 9, 9, 9, 9)
		g.must("MPI_Graph_get", comm, 4, 6, index, edges)
		g.wantInts("index", index, 2, 3, 4, 6, 9)
		g.wantInts("edges", edges, 1, 3, 0, 3, 0, 2, 9)
		for rank, want := range [][]int32{{1, 3}, {0}, {3}, {0, 2}} {
			g.check("neighbors", g.out("MPI_Graph_neighbors_count", comm, rank), int32(len(want)))
			g.must("MPI_Graph_neighbors", comm, rank, 2, edges)
			g.wantInts(fmt.Sprint("neighbors of ", rank), edges, want...)
		}
		g.must("MPI_Comm_set_errhandler", comm, abi.ErrorsReturn)
		g.returning()
		g.want(abi.ErrRank, "MPI_Graph_neighbors_count", comm, 4, at)
		g.want(abi.ErrTopology, "MPI_Cartdim_get", comm, at)
		g.want(abi.ErrArg, "MPI_Graph_create", abi.CommWorld, 8, index, edges, 0, at)
		g.want(abi.ErrArg, "MPI_Graph_create", abi.CommWorld, 2, g.ints(2, 1), edges, 0, at)
		g.want(abi.ErrArg, "MPI_Graph_create", abi.CommWorld, 2, g.ints(1, 2), g.ints(0, 2), 0, at)
		g.want(abi.ErrNoMem, "MPI_Graph_create", abi.CommWorld, 1, g.ints(1<<31-1), g.ints(0), 0, at)
	})
}

// A ring with an additional edge from 0 to all, each process specifying its own edges.
func TestDistGraphAdjacent(t *testing.T) {
	onLayouts(t, func(g *guest) {
		n := int32(g.size)
		r := int32(g.rank)
		sources, weights := g.ints((r+n-1)%n, (r+1)%n), g.ints(10*r, 10*r+1)
		destinations, out := g.ints((r+1)%n, (r+n-1)%n), g.ints(20*r, 20*r+1)
		comm := g.out("MPI_Dist_graph_create_adjacent", abi.CommWorld, 2, sources, weights, 2, destinations, out, abi.InfoNull, 0)
		g.check("topology", g.out("MPI_Topo_test", comm), abi.DistGraph)
		at := g.alloc(12)
		g.must("MPI_Dist_graph_neighbors_count", comm, at, at+4, at+8)
		g.wantInts("counts", at, 2, 2, 1)
		// MPI 5.0, 8.5.5: in the order in which they were specified.
		got := g.ints(-1, -1, -1, -1, -1, -1, -1, -1)
		g.must("MPI_Dist_graph_neighbors", comm, 2, got, got+8, 2, got+16, got+24)
		g.wantInts("neighbors", got, (r+n-1)%n, (r+1)%n, 10*r, 10*r+1, (r+1)%n, (r+n-1)%n, 20*r, 20*r+1)
		// … no more than there is room for; without weights if they are not asked for.
		few := g.ints(-1, -1, -1, -1, -1, -1)
		g.must("MPI_Dist_graph_neighbors", comm, 1, few, abi.Unweighted, 0, 0, abi.WeightsEmpty)
		g.wantInts("neighbors", few, (r+n-1)%n, -1)

		// MPI 5.0, 8.5.4: a process without neighbors.
		empty := g.out("MPI_Dist_graph_create_adjacent", abi.CommWorld, 0, 0, abi.WeightsEmpty, 0, 0, abi.WeightsEmpty, abi.InfoNull, 1)
		g.must("MPI_Dist_graph_neighbors_count", empty, at, at+4, at+8)
		g.wantInts("counts", at, 0, 0, 1)

		g.returning()
		g.want(abi.ErrRank, "MPI_Dist_graph_create_adjacent", abi.CommWorld, 1, g.ints(n), abi.Unweighted, 0, 0, abi.Unweighted, abi.InfoNull, 0, at)
		g.want(abi.ErrArg, "MPI_Dist_graph_create_adjacent", abi.CommWorld, 1, g.ints(0), abi.WeightsEmpty, 0, 0, abi.WeightsEmpty, abi.InfoNull, 0, at)
		g.want(abi.ErrArg, "MPI_Dist_graph_create_adjacent", abi.CommWorld, 1, g.ints(0), g.ints(-1), 0, 0, abi.WeightsEmpty, abi.InfoNull, 0, at)
		g.want(abi.ErrArg, "MPI_Dist_graph_create_adjacent", abi.CommWorld, -1, 0, abi.Unweighted, 0, 0, abi.Unweighted, abi.InfoNull, 0, at)
		g.want(abi.ErrTopology, "MPI_Dist_graph_neighbors_count", abi.CommWorld, at, at, at)
	})
}

// MPI 5.0, 8.5.4: any process may specify any edges. Rank 1 specifies a star around 0, rank 5 a
// chain, the others none.
func TestDistGraph(t *testing.T) {
	onLayouts(t, func(g *guest) {
		var sources, degrees, destinations, weights []int32
		switch g.rank {
		case 1:
			sources, degrees = []int32{0, 3}, []int32{6, 0}
			destinations, weights = []int32{1, 2, 3, 4, 5, 6}, []int32{1, 2, 3, 4, 5, 6}
		case 5:
			for i := range int32(6) {
				sources, degrees = append(sources, i), append(degrees, 1)
				destinations, weights = append(destinations, i+1), append(weights, 100+i)
			}
		}
		at := func(list []int32) uint32 { return g.ints(append(list, 0)...) }
		for _, weighted := range []bool{true, false} {
			w := uint32(abi.Unweighted)
			if weighted {
				w = at(weights)
			}
			comm := g.out("MPI_Dist_graph_create", abi.CommWorld, len(sources), at(sources), at(degrees), at(destinations), w, abi.InfoNull, 0)
			counts := g.alloc(12)
			g.must("MPI_Dist_graph_neighbors_count", comm, counts, counts+4, counts+8)
			var in, inWeights, out, outWeights []int32
			r := int32(g.rank)
			if r > 0 {
				in, inWeights = []int32{0, r - 1}, []int32{r, 99 + r}
			} else {
				out, outWeights = []int32{1, 2, 3, 4, 5, 6}, []int32{1, 2, 3, 4, 5, 6}
			}
			if r < 6 {
				out, outWeights = append(out, r+1), append(outWeights, 100+r)
			}
			g.wantInts("counts", counts, int32(len(in)), int32(len(out)), int32(b2i(weighted)))
			got := g.alloc(4 * 40)
			g.must("MPI_Dist_graph_neighbors", comm, 10, got, got+40, 10, got+80, got+120)
			g.wantInts("sources", got, in...)
			g.wantInts("destinations", got+80, out...)
			if weighted {
				g.wantInts("their weights", got+40, inWeights...)
				g.wantInts("their weights", got+120, outWeights...)
			}
		}
		// All get the same error.
		g.returning()
		w := uint32(abi.Unweighted)
		if g.rank == 2 {
			w = abi.WeightsEmpty
		}
		g.want(abi.ErrArg, "MPI_Dist_graph_create", abi.CommWorld, 0, 0, 0, 0, w, abi.InfoNull, 0, g.alloc(4))
	})
}
