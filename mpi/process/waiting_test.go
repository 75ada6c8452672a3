package process

import (
	"runtime"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// A node knows what each of its ranks waits for: the function, the communicator, since when, and
// which messages. Rank 0 waits in each kind of call until rank 1 has seen it wait.
func TestWaiting(t *testing.T) {
	const large = 1 << 18 // no eager message
	type message struct {
		send      bool
		peer, tag int
	}
	recv3, send4 := message{false, 1, 3}, message{true, 1, 4}
	for name, x := range map[string]struct {
		call  string
		wait  func(g *guest, buf, requests uint32)
		after func(g *guest, buf, requests uint32) // of rank 1, which ends the wait
		want  []message
	}{
		"recv": {"MPI_Recv",
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Recv", buf, 1, abi.Int, 1, 3, abi.CommWorld, abi.StatusIgnore)
			},
			func(g *guest, buf, _ uint32) { g.must("MPI_Send", buf, 1, abi.Int, 0, 3, abi.CommWorld) },
			[]message{recv3}},
		"any source": {"MPI_Recv",
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Recv", buf, 1, abi.Int, abi.AnySource, abi.AnyTag, abi.CommWorld, abi.StatusIgnore)
			},
			func(g *guest, buf, _ uint32) { g.must("MPI_Send", buf, 1, abi.Int, 0, 3, abi.CommWorld) },
			[]message{{false, abi.AnySource, abi.AnyTag}}},
		"send": {"MPI_Send",
			func(g *guest, buf, _ uint32) { g.must("MPI_Send", buf, large, abi.Byte, 1, 4, abi.CommWorld) },
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Recv", buf, large, abi.Byte, 0, 4, abi.CommWorld, abi.StatusIgnore)
			},
			[]message{send4}},
		"wait": {"MPI_Wait",
			func(g *guest, buf, r uint32) {
				g.must("MPI_Irecv", buf, 1, abi.Int, 1, 3, abi.CommWorld, r)
				g.must("MPI_Wait", r, abi.StatusIgnore)
			},
			func(g *guest, buf, _ uint32) { g.must("MPI_Send", buf, 1, abi.Int, 0, 3, abi.CommWorld) },
			[]message{recv3}},
		"waitall": {"MPI_Waitall",
			func(g *guest, buf, r uint32) {
				g.must("MPI_Irecv", buf, 1, abi.Int, 1, 3, abi.CommWorld, r)
				g.must("MPI_Issend", buf+64, 1, abi.Int, 1, 4, abi.CommWorld, r+4)
				// eager: it is done
				g.must("MPI_Isend", buf+64, 1, abi.Int, 1, 5, abi.CommWorld, r+8)
				g.must("MPI_Waitall", 3, r, abi.StatusesIgnore)
			},
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Send", buf, 1, abi.Int, 0, 3, abi.CommWorld)
				g.must("MPI_Recv", buf, 1, abi.Int, 0, 4, abi.CommWorld, abi.StatusIgnore)
				g.must("MPI_Recv", buf, 1, abi.Int, 0, 5, abi.CommWorld, abi.StatusIgnore)
			},
			[]message{recv3, send4}},
		"probe": {"MPI_Probe",
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Probe", 1, 3, abi.CommWorld, abi.StatusIgnore)
				g.must("MPI_Recv", buf, 1, abi.Int, 1, 3, abi.CommWorld, abi.StatusIgnore)
			},
			func(g *guest, buf, _ uint32) { g.must("MPI_Send", buf, 1, abi.Int, 0, 3, abi.CommWorld) },
			[]message{recv3}},
		"barrier": {"MPI_Barrier",
			func(g *guest, _, _ uint32) { g.must("MPI_Barrier", abi.CommWorld) },
			func(g *guest, _, _ uint32) { g.must("MPI_Barrier", abi.CommWorld) },
			nil},
		"allreduce": {"MPI_Allreduce",
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Allreduce", buf, buf+64, 1, abi.Int, abi.Sum, abi.CommWorld)
			},
			func(g *guest, buf, _ uint32) {
				g.must("MPI_Allreduce", buf, buf+64, 1, abi.Int, abi.Sum, abi.CommWorld)
			},
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			job(t, 2, func(g *guest) {
				buf, requests := g.alloc(large), g.alloc(16)
				world := g.p.cfg.World
				if g.rank == 0 {
					x.wait(g, buf, requests)
					for _, w := range world.Waiting() {
						if w.Rank == 0 {
							t.Errorf("it waits for nothing, and is said to wait in %s", w.Call)
						}
					}
					return
				}
				var seen []match.Waiting
				for len(seen) == 0 {
					runtime.Gosched()
					seen = world.Waiting()
				}
				x.after(g, buf, requests)
				w := seen[0]
				want(g, "rank", w.Rank, 0)
				want(g, "call", w.Call, x.call)
				want(g, "communicator", w.Comm, "MPI_COMM_WORLD")
				if w.Since.Before(began) || w.Since.After(time.Now()) {
					t.Errorf("since %v", w.Since)
				}
				want(g, "messages", len(w.Messages), len(x.want))
				for i := range min(len(w.Messages), len(x.want)) {
					m := w.Messages[i]
					want(g, "message", message{m.Send, m.Peer, int(m.Tag)}, x.want[i])
				}
			})
		})
	}
}
