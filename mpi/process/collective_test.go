package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 6.9.6: all have the result.
func TestAllreduceSum(t *testing.T) {
	jobOn(t, []int{0, 1, 0, 1, 2}, func(g *guest) {
		in, out := g.ints(int32(g.rank), 1), g.ints(0, 0)
		for range 100 {
			g.must("MPI_Allreduce", in, out, 2, abi.Int, abi.Sum, abi.CommWorld)
			if got := g.getInts(out, 2); got[0] != 10 || got[1] != 5 {
				g.Errorf("%v", got)
			}
		}
	})
}
