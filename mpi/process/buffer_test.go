package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 3.6.1: a message's room in the buffer is free again when it is sent, however many
// messages there have been.
func TestBufferRoomComesBack(t *testing.T) {
	// longer than what is sent without a receive
	const rounds, pending, n = 200, 3, 20000
	for name, automatic := range map[string]bool{"attached": false, "automatic": true} {
		for place, nodes := range map[string][]int{"one node": {0, 0}, "two nodes": {0, 1}} {
			t.Run(name+" on "+place, func(t *testing.T) {
				jobOn(t, nodes, func(g *guest) {
					buf := g.alloc(4 * n)
					if g.rank == 1 {
						for i := range rounds * pending {
							g.must("MPI_Recv", buf, n, abi.Int, 0, i, abi.CommWorld, abi.StatusIgnore)
							if got := g.getInt(buf + 4*(n-1)); got != int32(i) {
								t.Errorf("message %d has the data of %d", i, got)
							}
							if i%pending == pending-1 {
								g.must("MPI_Send", buf, 0, abi.Int, 0, 0, abi.CommWorld)
							}
						}
						return
					}
					if automatic {
						g.must("MPI_Buffer_attach", abi.BufferAutomatic, 0)
					} else {
						size := pending * (4*n + abi.BsendOverhead)
						g.must("MPI_Buffer_attach", g.alloc(size), size)
					}
					before := 0
					for round := range rounds {
						for i := range pending {
							copy(g.mem[buf+4*(n-1):], g.mem[g.ints(int32(round*pending+i)):][:4])
							g.must("MPI_Bsend", buf, n, abi.Int, 1, round*pending+i, abi.CommWorld)
						}
						g.must("MPI_Recv", buf, 0, abi.Int, 1, 0, abi.CommWorld, abi.StatusIgnore)
						if round == 20 {
							before = len(g.mem)
						}
					}
					if len(g.mem) > before+1<<20 {
						t.Errorf("the memory has grown from %d to %d bytes", before, len(g.mem))
					}
				})
			})
		}
	}
}

// Many short messages in the buffer at once all arrive, in order (MPI 5.0, 3.5).
func TestManyBuffered(t *testing.T) {
	const messages = 3000
	job(t, 2, func(g *guest) {
		if g.rank == 1 {
			g.must("MPI_Recv", g.alloc(4), 0, abi.Int, 0, 9, abi.CommWorld, abi.StatusIgnore)
			for i := range messages {
				if got := g.recv(0, 1); got != int32(i) {
					t.Errorf("message %d is %d", i, got)
					return
				}
			}
			return
		}
		g.must("MPI_Buffer_attach", abi.BufferAutomatic, 0)
		for i := range messages {
			g.must("MPI_Bsend", g.ints(int32(i)), 1, abi.Int, 1, 1, abi.CommWorld)
		}
		g.must("MPI_Bsend", g.ints(0), 0, abi.Int, 1, 9, abi.CommWorld)
	})
}
