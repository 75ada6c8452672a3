package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 6.8, 2.5.6: displacements are added to addresses modulo 1<<32, as the program would.
func TestDisplacementsWrap(t *testing.T) {
	job(t, 1, func(g *guest) {
		const base = 1<<32 - 1<<12
		in, out, one := g.ints(7), g.alloc(4), g.ints(1)
		at := func(addr uint32) uint32 { return g.ints(int32(addr + 1<<12)) }
		types := g.ints(abi.Int)
		g.must("MPI_Alltoallw", uint32(base), one, at(in), types, uint32(base), one, at(out), types, abi.CommWorld)
		want(g, "data", g.getInt(out), 7)
	})
}
