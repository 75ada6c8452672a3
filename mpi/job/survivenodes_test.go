package job

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
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

// unready is a runtime whose programs cannot be readied for ranks.
type unready struct{ goPrograms }

func (r unready) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	p, err := r.goPrograms.Compile(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return unreadyProgram{p.(exec.MPIProgram)}, nil
}

type unreadyProgram struct{ exec.MPIProgram }

func (unreadyProgram) Instances(context.Context) (exec.Instances, error) {
	return nil, errors.New("there is no room for it")
}

// A node that cannot prepare its ranks is replaced by one that keeps spare slots. Slots are kept
// while the job runs, and free after it; the loss of a spare node changes nothing.
func TestSpareNodes(t *testing.T) {
	nodes := startJobs(t, 4, failing, func(i int, c *setup) {
		if i == 2 {
			c.Runtime = unready{failing}
		}
	})
	var peers []mpi.PeerID
	for _, n := range nodes {
		peers = append(peers, n.Self())
	}
	l := nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 3, Spares: 1, Peers: peers})
	l.isDone(t)
	if l.out[0] != "the ring counted 3\n" || l.Ranks[2].Peer != peers[3] || len(l.Spares) > 0 {
		t.Errorf("it printed %v, on %v, spares %v", l.out, l.Ranks, l.Spares)
	}
	l = nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 3, Peers: peers[:3]})
	l.failed(t, mpi.NotServed, -1, 1, "there is no room for it")
	idle(t, nodes...)
	j := started(t, nodes[0], mpi.JobSpec{File: "wait", Ranks: 2, Spares: 3, Peers: []mpi.PeerID{peers[0], peers[1], peers[3]}, AllowDeadlock: true})
	if n := nodes[3].slots.count(); n != 3 {
		t.Errorf("%d spare slots are kept", n)
	}
	if job, err := nodes[0].Job(j.ID); err != nil || job.SpareSlots() != 3 || job.Spares[0].Peer != peers[3] {
		t.Errorf("the record has %+v, %v", job, err)
	}
	nodes[3].cut()
	nodes[0].awaitEvent(t, j.ID, "that a spare node was lost", func(e mpi.JobEvent) bool { return strings.Contains(e.Text, "0 spare slots are left") })
	if job, err := nodes[0].CancelJob(t.Context(), j.ID); err != nil || job.State != mpi.JobCancelled {
		t.Errorf("%+v, %v", job, err)
	}
	idle(t, nodes...)
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
