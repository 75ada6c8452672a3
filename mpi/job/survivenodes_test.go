package job

import (
	"bufio"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// lasting are programs some of whose ranks fail. The others do not need them.
var lasting = goPrograms{
	"lasting": withMPI(func(g *goRank) {
		g.printf("rank %d waits\n", g.rank)
		switch g.rank {
		case 0:
			_, _ = bufio.NewReader(g.x.Streams.In).ReadString('\n')
			g.send(3, 7)
		case 1:
			g.exit(3)
		case 2:
			g.forever()
		case 3:
			g.printf("got %d\n", g.recv(0))
		}
	}),
	"all": withMPI(func(g *goRank) { g.exit(3 + g.rank) }),
	"unfinalized": func(g *goRank) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Comm_rank", 0x101, 64)
		if g.get(64) == 0 {
			g.must("MPI_Finalize")
		}
	},
}

// A job with FT goes on without a rank that ends with a code, and without a node that dies. The
// record says which ranks failed and why.
func TestJobSurvives(t *testing.T) {
	nodes := startJobs(t, 4, lasting)
	j := started(t, nodes[0], mpi.JobSpec{File: "lasting", Ranks: 4, FT: true, Stdin: true})
	failed := func(rank int) func(e mpi.JobEvent) bool {
		return func(e mpi.JobEvent) bool { return e.Type == mpi.EventRankFailed && e.Rank == rank }
	}
	nodes[0].awaitEvent(t, j.ID, "that rank 1 has failed", failed(1))
	job, err := nodes[0].Job(j.ID)
	if err != nil || job.State != mpi.JobRunning {
		t.Fatal(job, err)
	}
	var left []testNode
	for _, n := range nodes {
		if n.Self() == job.Ranks[2].Peer {
			n.cut()
		} else {
			left = append(left, n)
		}
	}
	nodes[0].awaitEvent(t, j.ID, "that rank 2 has failed", failed(2))
	if err := nodes[0].JobInput(t.Context(), j.ID, strings.NewReader("go\n")); err != nil {
		t.Fatal(err)
	}
	l := nodes[0].follow(t, j.ID)
	l.isDone(t)
	for r, want := range []mpi.Reason{"", mpi.Exited, mpi.Lost, ""} {
		if got := l.Ranks[r].Failed; (got == nil) != (want == "") || got != nil && got.Reason != want {
			t.Errorf("rank %d failed: %+v, want %q", r, got, want)
		}
	}
	if l.FailedRanks() != 2 || !strings.HasSuffix(l.out[3], "got 7\n") {
		t.Errorf("%d ranks failed; rank 3 wrote %q", l.FailedRanks(), l.out[3])
	}
	idle(t, left...)
}

// If all ranks fail, so does the job, by the first. A rank that ends without MPI_Finalize has
// failed.
func TestJobOfFailures(t *testing.T) {
	nodes := startJobs(t, 2, lasting)
	l := nodes[0].run(t, mpi.JobSpec{File: "all", Ranks: 1, FT: true})
	l.failed(t, mpi.Exited, 0, 3, "all ranks have failed", "exit code 3")
	l = nodes[0].run(t, mpi.JobSpec{File: "all", Ranks: 4, FT: true})
	l.failed(t, mpi.Exited, l.Cause.Rank, 3+l.Cause.Rank)
	if l.FailedRanks() != 4 {
		t.Errorf("%d ranks failed", l.FailedRanks())
	}
	l = nodes[0].run(t, mpi.JobSpec{File: "unfinalized", Ranks: 2, FT: true})
	l.isDone(t)
	if f := l.Ranks[1].Failed; l.FailedRanks() != 1 || f == nil || !strings.Contains(f.Detail, "MPI_Finalize") {
		t.Errorf("%+v", l.Ranks)
	}
	idle(t, nodes...)
}
