package job

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// large is more than goes with an eager message.
const large = 256 << 10

// deadlocked are programs of three ranks that wait for each other, with what the cause says.
var deadlocked = map[string]struct {
	program func(g *goRank)
	says    []string
}{
	"receive without a send": {func(g *goRank) {
		if g.rank == 0 {
			g.recv(1)
		}
	}, []string{"rank 0 waits in MPI_Recv for rank 1 (tag 5)", "2 ranks have ended"}},
	"all receive first": {func(g *goRank) {
		g.recv((g.rank + 1) % g.size)
		g.send((g.rank+2)%g.size, 1)
	}, []string{"rank 0 waits in MPI_Recv for rank 1 (tag 5), rank 1 in MPI_Recv for rank 2 (tag 5), rank 2 in MPI_Recv for rank 0 (tag 5)"}},
	"wrong tag": {func(g *goRank) {
		switch g.rank {
		case 0:
			g.must("MPI_Recv", 132, 1, abi.Int, 1, 6, abi.CommWorld, 0)
		case 1:
			g.send(0, 1)
		}
	}, []string{"rank 0 waits in MPI_Recv for rank 1 (tag 6)"}},
	"wrong communicator": {func(g *goRank) {
		g.must("MPI_Comm_dup", abi.CommWorld, 256)
		switch g.rank {
		case 0:
			g.must("MPI_Recv", 132, 1, abi.Int, 1, 5, int(g.get(256)), 0)
		case 1:
			g.send(0, 1)
		}
	}, []string{"rank 0 waits in MPI_Recv for rank 1 (tag 5)"}},
	"a rank stays away from a collective operation": {func(g *goRank) {
		if g.rank != 2 {
			g.must("MPI_Allreduce", 128, 132, 1, abi.Int, abi.Sum, abi.CommWorld)
		}
	}, []string{"rank 0 waits in MPI_Allreduce", "rank 1 in MPI_Allreduce", "rank 2 has ended"}},
	"synchronous sends to each other": {func(g *goRank) {
		g.must("MPI_Ssend", 128, 1, abi.Int, (g.rank+1)%g.size, 5, abi.CommWorld)
		g.recv((g.rank + 2) % g.size)
	}, []string{"rank 0 waits in MPI_Ssend for rank 1 (tag 5)", "rank 2 in MPI_Ssend for rank 0 (tag 5)"}},
	"one of many requests": {func(g *goRank) {
		switch g.rank {
		case 0:
			g.must("MPI_Irecv", 132, 1, abi.Int, 1, 5, abi.CommWorld, 256)
			g.must("MPI_Irecv", 136, 1, abi.Int, 2, 7, abi.CommWorld, 260)
			g.must("MPI_Waitall", 2, 256, 0)
		case 1:
			g.send(0, 1)
		}
	}, []string{"rank 0 waits in MPI_Waitall for rank 2 (tag 7)"}},
	"probe for nothing": {func(g *goRank) {
		if g.rank == 0 {
			g.must("MPI_Probe", abi.AnySource, 9, abi.CommWorld, 0)
		}
		g.must("MPI_Barrier", abi.CommWorld)
	}, []string{"rank 0 waits in MPI_Probe for any rank (tag 9), rank 1 in MPI_Barrier, rank 2 in MPI_Barrier"}},
	"large sends around a ring": {func(g *goRank) {
		g.must("MPI_Send", 1024, large, abi.Byte, (g.rank+1)%g.size, 5, abi.CommWorld)
		g.must("MPI_Recv", 1024, large, abi.Byte, (g.rank+2)%g.size, 5, abi.CommWorld, 0)
	}, []string{"rank 0 waits in MPI_Send for rank 1 (tag 5)", "rank 1 in MPI_Send for rank 2 (tag 5)"}},
	"a rank ends while others wait for it": {func(g *goRank) {
		g.must("MPI_Barrier", abi.CommWorld)
		if g.rank != 1 {
			g.recv(1)
		}
	}, []string{"rank 0 waits in MPI_Recv for rank 1 (tag 5), rank 2 in MPI_Recv for rank 1 (tag 5); rank 1 has ended"}},
	"one barrier too many": {func(g *goRank) {
		g.must("MPI_Barrier", abi.CommWorld)
		if g.rank > 0 {
			g.must("MPI_Barrier", abi.CommWorld)
		}
	}, []string{"rank 1 waits in MPI_Barrier, rank 2 in MPI_Barrier; rank 0 has ended"}},
	"after much that went well": {func(g *goRank) {
		for range 200 {
			g.must("MPI_Allreduce", 128, 132, 1, abi.Int, abi.Sum, abi.CommWorld)
		}
		g.must("MPI_Recv", 132, 1, abi.Int, abi.AnySource, abi.AnyTag, abi.CommWorld, 0)
	}, []string{"rank 0 waits in MPI_Recv for any rank (any tag)"}},
}

// Ranks that wait for each other end with the reason, on one node and across nodes.
func TestDeadlock(t *testing.T) {
	programs := goPrograms{}
	for name, x := range deadlocked {
		programs[slug(name)] = withMPI(x.program)
	}
	for _, n := range []int{1, 3} {
		nodes := startJobs(t, n, programs)
		for name, x := range deadlocked {
			t.Run(fmt.Sprintf("%s, %d nodes", name, n), func(t *testing.T) {
				l := nodes[0].run(t, mpi.JobSpec{File: slug(name), Ranks: 3})
				if l.State != mpi.JobFailed || l.Cause == nil || l.Cause.Reason != mpi.Deadlock || l.Exit != 1 {
					t.Fatalf("it ended %s: %+v", l.State, l.Cause)
				}
				for _, says := range x.says {
					if !strings.Contains(l.Cause.Detail, says) {
						t.Errorf("it says %q, not %q", l.Cause.Detail, says)
					}
				}
				for r, rank := range l.Ranks {
					if (rank.Exit == nil) != (rank.Waits != nil) {
						t.Errorf("rank %d waits: %v, and ended: %v", r, rank.Waits, rank.Exit)
					}
				}
			})
		}
		idle(t, nodes...)
	}
}

func slug(name string) string { return strings.NewReplacer(" ", "-").Replace(name) }

// Ranks that may go on are not taken for deadlocked, however long the others wait: one that reads
// standard input, and one that asks again and again whether a message has come.
func TestNoDeadlock(t *testing.T) {
	nodes := startJobs(t, 2, goPrograms{
		"reads": withMPI(func(g *goRank) {
			if g.rank == 0 {
				if n, err := g.x.Streams.In.Read(g.mem[256:260]); n != 3 || err != nil {
					panic(fmt.Sprint("it read ", n, err))
				}
				g.send(1, 7)
				g.send(2, 7)
				return
			}
			g.recv(0)
		}),
		"polls": withMPI(func(g *goRank) {
			if g.rank == 0 {
				g.must("MPI_Irecv", 132, 1, abi.Int, 1, 5, abi.CommWorld, 256)
				for g.put(260, 0); g.get(260) == 0; {
					g.must("MPI_Test", 256, 260, 0)
				}
				return
			}
			g.recv(0) // nobody sends it
		}),
	})
	// What the record says of each rank, once it says it of all, and some rounds later.
	look := func(id string, want ...string) {
		t.Helper()
		rounds := uint64(0)
		awaitRecord(t, nodes[0], id, func(j *job, r *mpi.Job) bool {
			got := make([]string, len(r.Ranks))
			for i := range r.Ranks {
				if w := r.Ranks[i].Waits; w != nil {
					got[i] = w.What()
				}
			}
			if r.State.Ended() {
				t.Fatalf("it ended: %+v", r.Cause)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				rounds = 0
				return false
			}
			if rounds == 0 {
				rounds = j.machine.looks
			}
			return j.machine.looks >= rounds+3
		})
	}
	const from0 = "MPI_Recv from rank 0 (tag 5) on MPI_COMM_WORLD"
	j, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "reads", Ranks: 3, Stdin: true})
	if err != nil {
		t.Fatal(err)
	}
	look(j.ID, mpi.ReadsInput, from0, from0)
	if err := nodes[0].JobInput(t.Context(), j.ID, strings.NewReader("go\n")); err != nil {
		t.Error(err)
	}
	l := nodes[0].follow(t, j.ID)
	l.isDone(t)
	for r := range l.Ranks {
		if l.Ranks[r].Waits != nil {
			t.Errorf("rank %d has ended, and waits for %v", r, l.Ranks[r].Waits)
		}
	}
	if j, err = nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "polls", Ranks: 3}); err != nil {
		t.Fatal(err)
	}
	look(j.ID, "", from0, from0)
	if _, err := nodes[0].CancelJob(t.Context(), j.ID); err != nil {
		t.Error(err)
	}
	l = nodes[0].follow(t, j.ID)
	if l.State != mpi.JobCancelled || l.Ranks[1].Waits == nil || l.Ranks[1].Waits.What() != from0 {
		t.Errorf("the record of the job that was cancelled: %s, %+v", l.State, l.Ranks)
	}
	idle(t, nodes...)
}

// awaitRecord looks at a job again and again until something is so.
func awaitRecord(t *testing.T, n testNode, id string, is func(*job, *mpi.Job) bool) {
	t.Helper()
	end := time.Now().Add(patient)
	for time.Now().Before(end) {
		n.mu.RLock()
		var found *job
		for _, j := range n.mine {
			if j.name == id {
				found = j
			}
		}
		n.mu.RUnlock()
		if found == nil {
			t.Fatal("there is no such job")
		}
		found.mu.Lock()
		r := found.copy()
		so := is(found, r)
		found.mu.Unlock()
		if so {
			return
		}
		runtime.Gosched()
	}
	t.Fatal("it never came to this")
}
