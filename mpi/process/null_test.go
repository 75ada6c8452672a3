package process

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// TestNullPointers: a call that is given a NULL pointer for bytes that it needs answers an error
// that says so, and does not touch them; the guard of the memory of all guests here holds that.
func TestNullPointers(t *testing.T) {
	for name, tt := range map[string]struct {
		class int
		says  string
		do    func(g *guest)
	}{
		"a message":    {abi.ErrBuffer, "MPI_Send: a NULL pointer where 3 elements of 4 bytes are needed", func(g *guest) { g.call("MPI_Send", 0, 3, abi.Int, 0, 0, abi.CommWorld) }},
		"a member":     {abi.ErrBuffer, "MPI_Send: a NULL pointer (address 0x10) where 1 elements of 8 bytes are needed", func(g *guest) { g.call("MPI_Send", 16, 1, abi.Double, 0, 0, abi.CommWorld) }},
		"a receive":    {abi.ErrBuffer, "a NULL pointer", func(g *guest) { g.call("MPI_Irecv", 0, 1, abi.Int, 0, 0, abi.CommWorld, g.alloc(4)) }},
		"a collective": {abi.ErrBuffer, "a NULL pointer", func(g *guest) { g.call("MPI_Bcast", 0, 2, abi.Int, 0, abi.CommWorld) }},
		"a reduction":  {abi.ErrBuffer, "a NULL pointer", func(g *guest) { g.call("MPI_Allreduce", g.alloc(8), 0, 1, abi.Int, abi.Sum, abi.CommWorld) }},
		"a displacement": {abi.ErrBuffer, "a NULL pointer", func(g *guest) {
			g.call("MPI_Gatherv", g.alloc(8), 1, abi.Int, 0, g.ints(1), g.ints(4), abi.Int, 0, abi.CommWorld)
		}},
		"a buffer":        {abi.ErrBuffer, "a NULL pointer where a buffer of 100 bytes is needed", func(g *guest) { g.call("MPI_Buffer_attach", 0, 100) }},
		"a result":        {abi.ErrArg, "MPI_Comm_rank: a NULL pointer where 4 bytes are needed", func(g *guest) { g.call("MPI_Comm_rank", abi.CommWorld, 0) }},
		"a request":       {abi.ErrArg, "a NULL pointer", func(g *guest) { g.call("MPI_Wait", 0, 0) }},
		"an array":        {abi.ErrArg, "a NULL pointer", func(g *guest) { g.call("MPI_Waitall", 3, 0, 0) }},
		"a name":          {abi.ErrArg, "a NULL pointer", func(g *guest) { g.call("MPI_Comm_set_name", abi.CommWorld, 0) }},
		"a key":           {abi.ErrInfoKey, "", func(g *guest) { g.call("MPI_Info_set", g.out("MPI_Info_create"), 0, 0) }},
		"a count of dims": {abi.ErrArg, "a NULL pointer", func(g *guest) { g.call("MPI_Dims_create", 4, 2, 0) }},
		"packed data":     {abi.ErrArg, "a NULL pointer", func(g *guest) { g.call("MPI_Pack", g.ints(1), 1, abi.Int, 0, 100, g.ints(0), abi.CommWorld) }},
	} {
		t.Run(name, func(t *testing.T) {
			e := fails(t, tt.class, func(g *guest) {
				g.must("MPI_Init", 0, 0)
				tt.do(g)
			})
			if !strings.Contains(e.Detail, tt.says) {
				t.Errorf("%q", e.Detail)
			}
		})
	}
	// MPI 5.0, 3.2.2: no data is sent from any address; MPI_BOTTOM is that of absolute addresses.
	job(t, 1, func(g *guest) {
		g.must("MPI_Send", 0, 0, abi.Int, abi.ProcNull, 0, abi.CommWorld)
		g.must("MPI_Bcast", 0, 0, abi.Int, 0, abi.CommWorld)
		at := g.ints(5)
		list := g.out("MPI_Type_create_hindexed", 1, g.ints(1), g.ints(int32(at)), abi.Int)
		g.must("MPI_Type_commit", g.ints(list))
		to := g.ints(0)
		g.must("MPI_Sendrecv", 0, 1, list, 0, 0, to, 1, abi.Int, 0, 0, abi.CommWorld, 0)
		g.check("through MPI_BOTTOM", g.getInt(to), 5)
	})
}
