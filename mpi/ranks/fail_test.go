package ranks

import (
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// What a rank waits for ends when the process that it needs fails, wherever that is; the rank goes
// on. A failed rank of this node ends, whatever it waits for.
func TestFailRanks(t *testing.T) {
	for name, x := range map[string]struct {
		nodes []int // of rank 0, which waits, and of the others
		fails []int
		f     goProgram
	}{
		"receive of another node": {[]int{0, 1}, []int{1}, func(g *goRank) {
			g.failing("MPI_Recv", 4096, 1, abi.Int, 1, 5, abi.CommWorld, 0)
		}},
		"receive of this node": {[]int{0, 0}, []int{1}, func(g *goRank) {
			if g.rank == 0 {
				g.failing("MPI_Recv", 4096, 1, abi.Int, 1, 5, abi.CommWorld, 0)
				return
			}
			g.must("MPI_Recv", 4096, 1, abi.Int, 0, 5, abi.CommWorld, 0)
		}},
		"send without credit": {[]int{0, 1, 1}, []int{1, 2}, func(g *goRank) {
			for {
				if g.call("MPI_Send", 4096, 512, abi.Byte, 1, 5, abi.CommWorld) != abi.Success {
					return
				}
			}
		}},
		"itself": {[]int{0, 1}, []int{0}, func(g *goRank) {
			g.must("MPI_Recv", 4096, 1, abi.Int, 1, 5, abi.CommWorld, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOwner()
			g := newGroup(t, func(g *goRank) {
				g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
				x.f(g)
				panic(ended{&exec.ExitError{Reason: mpi.Exited, Exit: 7}})
			}, o, 0, 2, x.nodes...)
			g.Start()
			for end := false; !end; { // until rank 0 waits
				before := len(o.stood)
				g.Look()
				o.await(t, "an answer", func() bool { end = len(o.stood) > before && o.stood[before].Idle; return len(o.stood) > before })
			}
			g.FailRanks([]int{-1, len(x.nodes)}, "no such ranks")
			g.FailRanks(x.fails, "its node is lost")
			g.FailRanks(x.fails, "known already")
			here := 0
			for _, n := range x.nodes {
				if n == 0 {
					here++
				}
			}
			o.allEnded(t, here)
			for rank, out := range o.ends {
				told := out.Reason == mpi.Cancelled && strings.Contains(out.Detail, "its node is lost")
				if !told && (slices.Contains(x.fails, rank) || out.Exit != 7) {
					t.Errorf("rank %d ended %+v", rank, out)
				}
			}
			o.shut(t, g)
			g.FailRanks(x.fails, "too late")
			if len(o.late) > 0 {
				t.Error(o.late)
			}
		})
	}
}

// Packets of a rank that has failed are dropped, and credit for them is returned.
func TestPacketsOfFailedRank(t *testing.T) {
	o := newOwner()
	credit := int64(0)
	o.credit = func(_ int, n int64) { credit += n }
	g := newGroup(t, func(g *goRank) { <-g.ctx.Done() }, o, 0, 2, 0, 1)
	g.Start()
	g.FailRanks([]int{1}, "lost")
	for range g.window/1000 + 1 {
		g.Packets(1, pack(frame.Packet{Kind: frame.PacketEager, From: 1, Data: make([]byte, 1000)}))
	}
	if credit == 0 || len(o.broken) > 0 {
		t.Errorf("credit %d; %v", credit, o.broken)
	}
	o.shut(t, g)
}
