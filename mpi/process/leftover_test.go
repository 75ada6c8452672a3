package process

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// What a program leaves at MPI_Finalize is named on its standard error, in two lines at most; what
// it may leave is not.
func TestLeftover(t *testing.T) {
	for name, x := range map[string]struct {
		// of rank 1, once rank 0 has sent
		leave func(g *guest, buf, r uint32)
		sends int // messages of rank 0 to rank 1, of 4 bytes, with tags from 5 on
		want  string
	}{
		"nothing": {func(*guest, uint32, uint32) {}, 0, ""},
		"messages": {func(*guest, uint32, uint32) {}, 2,
			"ipfs-mpi: rank 1 ended with 2 messages never received: from rank 0, tag 5, 4 bytes on MPI_COMM_WORLD; from rank 0, tag 6, 4 bytes on MPI_COMM_WORLD\n"},
		"many messages": {func(*guest, uint32, uint32) {}, 100,
			"tag 8, 4 bytes on MPI_COMM_WORLD; and 96 more\n"},
		"a request": {func(g *guest, buf, r uint32) {
			g.must("MPI_Irecv", buf, 1, abi.Int, 0, 99, abi.CommWorld, r)
		}, 0, "ipfs-mpi: rank 1 ended with 1 request never completed: a receive from rank 0, tag 99 on MPI_COMM_WORLD\n"},
		"freed and persistent requests": {func(g *guest, buf, r uint32) {
			g.must("MPI_Recv_init", buf, 1, abi.Int, 0, 99, abi.CommWorld, r)
			g.must("MPI_Isend", buf, 1, abi.Int, 1, 98, abi.CommWorld, r+4)
			g.must("MPI_Request_free", r+4)
			g.must("MPI_Recv", buf, 1, abi.Int, 1, 98, abi.CommWorld, abi.StatusIgnore)
		}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			jobOn(t, []int{0, 1}, func(g *guest) {
				buf, r := g.alloc(64), g.alloc(16)
				if g.rank == 0 {
					for i := range x.sends {
						g.must("MPI_Send", buf, 1, abi.Int, 1, 5+i, abi.CommWorld)
					}
				} else {
					g.p.cfg.Stderr = &said
					x.leave(g, buf, r)
				}
				// Packets come in any order: the messages may come after the barrier.
				g.must("MPI_Barrier", abi.CommWorld)
				if g.rank == 1 && x.sends > 0 {
					for i := range x.sends {
						g.must("MPI_Probe", 0, 5+i, abi.CommWorld, abi.StatusIgnore)
					}
				}
			})
			if got := said.String(); got != x.want && (x.want == "" || !strings.HasSuffix(got, x.want)) || strings.Count(said.String(), "\n") > 2 {
				t.Errorf("it said %q, want %q", got, x.want)
			}
		})
	}
}
