package job

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// A job whose worker crashes fails with that, and its slots are free. A program that crashes its
// worker in three jobs is set aside until it is cleared; how many ranks it had does not matter.
func TestCrashedWorkers(t *testing.T) {
	nodes := startJobs(t, 1, goPrograms{"crash": withMPI(func(g *goRank) { panic(ended{errCrash}) }), "fine": withMPI(func(*goRank) {})})
	n := nodes[0]
	for range 3 {
		n.run(t, mpi.JobSpec{File: "crash", Ranks: 4}).failed(t, mpi.Internal, anyRank, 1, errCrash.Error())
		idle(t, n)
	}
	n.run(t, mpi.JobSpec{File: "fine", Ranks: 4}).isDone(t)
	n.run(t, mpi.JobSpec{File: "crash", Ranks: 1}).failed(t, mpi.NotServed, -1, 1, "set aside: it crashed its worker three times")
	if !n.node.Clear(cidOf("crash")) {
		t.Error("there is nothing to clear")
	}
	n.run(t, mpi.JobSpec{File: "crash", Ranks: 1}).failed(t, mpi.Internal, 0, 1, errCrash.Error())
}
