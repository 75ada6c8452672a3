package job

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// A job may ask for more memory for a rank than a node gives by itself, up to what its owner
// allows; such a rank takes several slots, so that the sum stays.
func TestJobAsksForMemory(t *testing.T) {
	nodes := startJobs(t, 1, failing, func(_ int, c *setup) { c.RankSlots, c.Memory, c.MaxMemory = 4, 1<<20, 3<<20 })
	n := nodes[0]
	l := n.run(t, mpi.JobSpec{File: "ring", Ranks: 2, Memory: 2 << 20})
	l.isDone(t)
	l = n.run(t, mpi.JobSpec{File: "ring", Ranks: 3, Memory: 2 << 20})
	l.failed(t, mpi.NoSlots, -1, 1, "3 ranks wanted, 2 slots found")
	l = n.run(t, mpi.JobSpec{File: "ring", Ranks: 2, Memory: 3 << 20})
	l.failed(t, mpi.NoSlots, -1, 1, "2 ranks wanted, 1 slots found")
	l = n.run(t, mpi.JobSpec{File: "ring", Ranks: 1, Memory: 4 << 20})
	l.failed(t, mpi.OutOfMemory, -1, 1, "4 MiB for a rank are over the node's limit of 3 (MaxMemory)")
	l = n.run(t, mpi.JobSpec{File: "ring", Ranks: 4}) // all slots are free again
	l.isDone(t)
	idle(t, nodes...)
}
