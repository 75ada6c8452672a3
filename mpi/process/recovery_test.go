package process

import (
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// settled is what a program does on an error, or at its end: the members agree whether all are
// well. If not, or if a process has failed, they shrink the communicator and go on from the lowest
// step that any of them is at.
func (g *faultGuest) settled(comm int32, step int, well bool) (int32, int, bool) {
	steps := func(comm int32) (int32, int32) {
		flag := g.ints(1<<(step+1) - 1) // what all flags have is that of the lowest step
		if well {
			g.mem[flag+3] |= 0x40
		}
		code := g.call("MPIX_Comm_agree", comm, flag)
		if code != abi.Success && code != abi.ErrProcFailed {
			g.guest.Errorf("rank %d: MPIX_Comm_agree: %s", g.rank, className(code))
		}
		return g.getInt(flag), code
	}
	all, code := steps(comm)
	if all>>30 != 0 && code == abi.Success {
		return comm, step, true
	}
	for code = abi.ErrProcFailed; code != abi.Success; { // more may fail meanwhile
		comm = g.out("MPIX_Comm_shrink", comm)
		all, code = steps(comm)
	}
	return comm, bits.Len32(uint32(all)&(1<<30-1)) - 1, false
}

// collective calls one of the collectives, drawn by the step.
func (g *faultGuest) collective(comm int32, step int) int32 {
	one, sum := g.ints(1), g.ints(0)
	switch step % 4 {
	case 0:
		return g.call("MPI_Barrier", comm)
	case 1:
		return g.call("MPI_Bcast", one, 1, abi.Int, 0, comm)
	case 2:
		request := g.alloc(4)
		if code := g.call("MPI_Iallreduce", one, sum, 1, abi.Int, abi.Sum, comm, request); code != abi.Success {
			return code
		}
		return g.call("MPI_Wait", request, 0)
	}
	return g.call("MPI_Allreduce", one, sum, 1, abi.Int, abi.Sum, comm)
}

var recoveries = flag.Uint64("recoveries", 200, "how many seeds TestRecovery draws from")

// A program that revokes, shrinks and goes on ends well on all processes that live, whoever is
// killed, at whichever moment (ULFM, "Communicator revocation", "shrinking", "agreement").
func TestRecovery(t *testing.T) {
	const steps = 20
	for seed := range *recoveries {
		draw := rand.New(rand.NewPCG(seed, 4))
		nodes := make([]int, 2+draw.IntN(6))
		count := 1 + draw.IntN(3)
		for i := range nodes {
			nodes[i] = i % count
		}
		var kills []kill
		for _, rank := range draw.Perm(len(nodes))[:draw.IntN(len(nodes))] {
			kills = append(kills, kill{draw.Int64N(int64(30 * len(nodes))), rank})
		}
		slices.SortFunc(kills, func(a, b kill) int { return int(a.at - b.at) })
		check := draw.IntN(4) == 0
		what := fmt.Sprintf("seed %d: %d ranks on %d nodes, check %v, kills %v", seed, len(nodes), count, check, kills)
		errs := faultJob(t, nodes, seed+1, check, kills, func(g *faultGuest) {
			comm := int32(abi.CommWorld)
			for step, over := 0, false; !over; {
				code := int32(abi.Success)
				for step < steps && code == abi.Success {
					if code = g.collective(comm, step); code == abi.Success {
						step++
					}
				}
				if code != abi.Success {
					if code != abi.ErrProcFailed && code != abi.ErrRevoked {
						t.Errorf("%s: rank %d at step %d: %s", what, g.rank, step, className(code))
					}
					g.must("MPIX_Comm_revoke", comm)
				}
				comm, step, over = g.settled(comm, step, code == abi.Success)
			}
			size := g.out("MPI_Comm_size", comm)
			mine, sum := g.ints(1), g.ints(0)
			if code := g.call("MPI_Allreduce", mine, sum, 1, abi.Int, abi.Sum, comm); code == abi.Success && g.getInt(sum) != size {
				t.Errorf("%s: rank %d: the sum of %d ranks is %d", what, g.rank, size, g.getInt(sum))
			}
		})
		for rank, err := range errs {
			if err != nil {
				t.Fatalf("%s: rank %d: %v", what, rank, err)
			}
		}
		if t.Failed() {
			return
		}
	}
}
