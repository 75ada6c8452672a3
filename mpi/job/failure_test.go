package job

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// failing are programs whose rank 1 fails in some way, while the others wait for it or compute.
var failing = goPrograms{
	"ring": ring,
	"trap": withMPI(func(g *goRank) {
		if g.rank == 1 {
			panic(ended{&exec.ExitError{Reason: mpi.Trapped, Detail: "wasm trap: unreachable"}})
		}
		g.recv(1)
	}),
	"exit": withMPI(func(g *goRank) {
		if g.rank == 1 {
			g.exit(3)
		}
		g.forever()
	}),
	"abort": withMPI(func(g *goRank) {
		if g.rank == 1 {
			g.must("MPI_Abort", abi.CommWorld, 7)
		}
		g.recv(1)
	}),
	"unfinalized": func(g *goRank) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Comm_rank", abi.CommWorld, 64)
		if g.get(64) != 1 {
			g.forever()
		}
	},
	"wait": withMPI(func(g *goRank) {
		g.printf("rank %d waits\n", g.rank)
		g.recv((g.rank + 1) % g.size)
	}),
	"early": withMPI(func(g *goRank) {}), // ranks end one after another
}

// The first rank to fail ends the job everywhere, and is named.
func TestJobFails(t *testing.T) {
	nodes := startJobs(t, 3, failing)
	for _, x := range []struct {
		file   string
		reason mpi.Reason
		exit   int
		says   string
	}{
		{"trap", mpi.Trapped, 1, "unreachable"},
		{"exit", mpi.Exited, 3, "exit code 3"},
		// MPI 5.0, 9.8: the error code is returned from the main program, if that can be
		{"abort", mpi.Aborted, 7, ""},
		{"unfinalized", mpi.Aborted, 1, "MPI_Finalize"},
	} {
		for _, by := range []mpi.MapBy{mpi.ByNode, mpi.BySlot} {
			t.Run(x.file+"/"+string(by), func(t *testing.T) {
				l := nodes[0].run(t, mpi.JobSpec{File: x.file, Ranks: 6, MapBy: by})
				l.failed(t, x.reason, 1, x.exit, x.says)
				if l.Cause.Peer != l.Ranks[1].Peer {
					t.Errorf("the cause names %s: rank 1 is on %s", l.Cause.Peer.Short(), l.Ranks[1].Peer.Short())
				}
				if end := l.events[len(l.events)-1]; end.Type != "end" || end.State != mpi.JobFailed || end.Exit != x.exit || end.Cause == nil {
					t.Errorf("the last event is %+v", end)
				}
				idle(t, nodes...)
			})
		}
	}
	l := nodes[0].run(t, mpi.JobSpec{File: "early", Ranks: 6}) // and the nodes take the next job
	l.isDone(t)
}

// started starts the job "wait" on all nodes and waits until each rank runs.
func started(t *testing.T, origin testNode, spec mpi.JobSpec) *mpi.Job {
	t.Helper()
	j, err := origin.StartJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for r := range spec.Ranks {
		origin.awaitEvent(t, j.ID, "of a rank that runs", says(fmt.Sprintf("rank %d waits\n", r)))
	}
	return j
}

func TestJobIsCancelled(t *testing.T) {
	nodes := startJobs(t, 3, failing)
	j := started(t, nodes[0], mpi.JobSpec{File: "wait", Ranks: 6})
	got, err := nodes[0].CancelJob(t.Context(), j.ID)
	if err != nil || got.State != mpi.JobCancelled || got.Cause.Reason != mpi.Cancelled {
		t.Errorf("cancelled, it is %+v, %v", got, err)
	}
	idle(t, nodes...)
	again, err := nodes[0].CancelJob(t.Context(), j.ID)
	if err != nil || again.State != mpi.JobCancelled {
		t.Errorf("cancelled again, it is %+v, %v", again, err)
	}
	l := nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 6})
	l.isDone(t)
	if got, err := nodes[0].CancelJob(t.Context(), l.ID); err != nil || got.State != mpi.JobDone {
		t.Errorf("a job that is done is %+v, %v after it was cancelled", got, err)
	}
}

func TestJobTakesTooLong(t *testing.T) {
	nodes := startJobs(t, 2, failing)
	l := nodes[0].run(t, mpi.JobSpec{File: "wait", Ranks: 2, Timeout: 50 * time.Millisecond})
	l.failed(t, mpi.TimedOut, -1, 1, "limit of 50ms")
	idle(t, nodes...)
}

// cut takes a node off the network as SIGKILL does: all at once, without a word.
func (n testNode) cut() { n.host.Close() }

// A node that dies takes the job with it, everywhere, and is named with its rank.
func TestJobLosesANode(t *testing.T) {
	nodes := startJobs(t, 4, failing)
	j := started(t, nodes[0], mpi.JobSpec{File: "wait", Ranks: 4})
	rank := 2
	dead := j.ID
	job, err := nodes[0].Job(dead)
	if err != nil {
		t.Fatal(err)
	}
	var left []testNode
	start := time.Now()
	for _, n := range nodes {
		if n.Self() == job.Ranks[rank].Peer {
			start = time.Now()
			n.cut()
		} else {
			left = append(left, n)
		}
	}
	l := nodes[0].follow(t, j.ID)
	if d := time.Since(start); d > 5*soon { // soon, on a machine that has the time
		t.Errorf("it ended after %v", d)
	}
	l.failed(t, mpi.Lost, rank, 1, "with it went rank 2")
	if l.Cause.Peer != job.Ranks[rank].Peer {
		t.Errorf("the cause names %s", l.Cause.Peer)
	}
	idle(t, left...)
	l = nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 6})
	l.isDone(t)
	idle(t, left...)
}

// Nodes that lose the origin end their ranks.
func TestJobLosesItsOrigin(t *testing.T) {
	nodes := startJobs(t, 3, failing)
	started(t, nodes[0], mpi.JobSpec{File: "wait", Ranks: 6})
	nodes[0].cut()
	idle(t, nodes[1:]...)
	nodes[1].run(t, mpi.JobSpec{File: "ring", Ranks: 6}).isDone(t)
}

// A node that stops says so, and its own jobs end with it; their records stay.
func TestNodeStopsWithJobs(t *testing.T) {
	dir := t.TempDir()
	nodes := startJobs(t, 3, failing, func(i int, c *setup) {
		if i == 0 {
			c.Dir = dir
		}
	})
	mine := started(t, nodes[0], mpi.JobSpec{File: "wait", Ranks: 3})
	theirs := started(t, nodes[1], mpi.JobSpec{File: "wait", Ranks: 3})
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := nodes[0].Close(ctx); err != nil {
		t.Error(err)
	}
	nodes[1].follow(t, theirs.ID).failed(t, mpi.Stopping, anyRank, 1, nodeStopping)
	idle(t, nodes[1:]...)
	if _, err := nodes[0].StartJob(t.Context(), mpi.JobSpec{File: "ring", Ranks: 1}); err == nil {
		t.Error("a node that is stopped begins a job")
	}
	again := newNode(t, 9, func(_ int, c *setup) { serve(c, failing); c.Dir = dir })
	l := again.follow(t, mine.ID)
	l.failed(t, mpi.Stopping, -1, 1, nodeStopping)
	if l.out[2] != "rank 2 waits\n" {
		t.Errorf("of its output is left %q", fmt.Sprint(l.out))
	}
}

// What is left of jobs after many of them, good and bad: nothing.
func TestJobsLeaveNothing(t *testing.T) {
	nodes := startJobs(t, 2, failing)
	round := func() {
		for _, file := range []string{"ring", "trap", "exit", "early", "abort"} {
			nodes[0].run(t, mpi.JobSpec{File: file, Ranks: 4})
		}
		idle(t, nodes...)
	}
	round()
	before := runtime.NumGoroutine()
	for range 10 {
		round()
	}
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before+4 })
}

func TestJobsSideBySide(t *testing.T) {
	nodes := startJobs(t, 3, failing)
	const jobs = 6
	ends := make(chan logged, jobs)
	for i := range jobs {
		n := nodes[i%len(nodes)]
		j, err := n.StartJob(t.Context(), mpi.JobSpec{File: "ring", Ranks: 3, WaitSlots: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		go func() { ends <- n.follow(t, j.ID) }()
	}
	for range jobs {
		l := <-ends
		l.isDone(t)
		if l.out[0] != "the ring counted 3\n" {
			t.Errorf("it printed %v", l.out)
		}
	}
	idle(t, nodes...)
}

// A job with too few slots fails at once and says what it lacks, or waits.
func TestJobLacksSlots(t *testing.T) {
	nodes := startJobs(t, 2, failing, func(i int, c *setup) {
		c.RankSlots = 2 + i
		if i == 1 {
			c.Memory = 1 << 20
		}
	})
	n := nodes[0]
	l := n.run(t, mpi.JobSpec{File: "ring", Ranks: 8})
	l.failed(t, mpi.NoSlots, -1, 1, "8 ranks wanted, 5 slots found", "this node 2", nodes[1].Self().Short()+" 3")
	l = n.run(t, mpi.JobSpec{File: "ring", Ranks: 4, Memory: 2 << 20})
	l.failed(t, mpi.NoSlots, -1, 1, "4 ranks wanted, 2 slots found", "out-of-memory")
	j := started(t, n, mpi.JobSpec{File: "wait", Ranks: 4})
	l = n.run(t, mpi.JobSpec{File: "ring", Ranks: 2})
	l.failed(t, mpi.NoSlots, -1, 1, "2 ranks wanted, 1 slots found", "2 of its 2 slots are in use")
	w, err := n.StartJob(t.Context(), mpi.JobSpec{File: "ring", Ranks: 5, WaitSlots: patient})
	if err != nil {
		t.Fatal(err)
	}
	n.awaitEvent(t, w.ID, "of waiting", func(e mpi.JobEvent) bool {
		return e.Type == "progress" && strings.Contains(e.Text, "waiting: 5 ranks wanted, 1 slots found")
	})
	if _, err := n.CancelJob(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	n.follow(t, w.ID).isDone(t)
	idle(t, nodes...)
	w, err = n.StartJob(t.Context(), mpi.JobSpec{File: "ring", Ranks: 50, WaitSlots: patient})
	if err != nil {
		t.Fatal(err)
	}
	n.awaitEvent(t, w.ID, "of waiting", func(e mpi.JobEvent) bool { return strings.Contains(e.Text, "waiting:") })
	if c, err := n.CancelJob(t.Context(), w.ID); err != nil || c.State != mpi.JobCancelled {
		t.Errorf("cancelled while it waits: %+v, %v", c, err)
	}
	idle(t, nodes...)
}

// Nodes take what their policy lets them.
func TestJobIsDeclined(t *testing.T) {
	var origin mpi.PeerID
	nodes := startJobs(t, 2, failing, func(i int, c *setup) {
		if i == 0 {
			origin = c.Transport.Self()
		} else {
			c.Admit = func(p mpi.PeerID) bool { return p != origin }
		}
		c.RankSlots = 1
	})
	l := nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 2})
	l.failed(t, mpi.NoSlots, -1, 1, "2 ranks wanted, 1 slots found", "refused", "does not work for this origin")
	l = nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 1, Peers: []mpi.PeerID{nodes[1].Self()}})
	l.failed(t, mpi.Refused, -1, 1, "1 rank wanted, 0 slots found", "refused")
}

// A program that is in no store runs where its owner lets any run, or lists it; at its origin
// always.
func TestJobOfAnyProgram(t *testing.T) {
	listed := cidOf("ring")
	nodes := startJobs(t, 4, goPrograms{}, func(i int, c *setup) {
		s := c.Store
		c.Runtime = failing
		c.RankSlots = 2
		switch i {
		case 0:
			return // the origin, which is to add it
		case 1:
			c.node.AnyProgram = true
		case 2:
			c.node.Programs = []mpi.CID{listed}
		}
		s.world[listed] = &mpi.Bundle{Run: []byte("ring")}
	})
	id, err := nodes[0].AddProgram(t.Context(), []byte("ring"))
	if err != nil || id != listed {
		t.Fatal(id, err)
	}
	l := nodes[0].run(t, mpi.JobSpec{File: string(id), Name: "ring.wasm", Ranks: 6})
	l.isDone(t)
	if l.Name != "ring.wasm" {
		t.Errorf("the job is called %q", l.Name)
	}
	l = nodes[0].run(t, mpi.JobSpec{File: string(id), Ranks: 7})
	l.failed(t, mpi.NoSlots, -1, 1, "7 ranks wanted, 6 slots found", nodes[3].Self().Short()+" not-served")
	id, _ = nodes[0].AddProgram(t.Context(), []byte("no program"))
	l = nodes[0].run(t, mpi.JobSpec{File: string(id), Ranks: 2, Peers: []mpi.PeerID{nodes[0].Self()}})
	l.failed(t, mpi.NotServed, -1, 1, "not WebAssembly")
	idle(t, nodes...)
}

func TestJobSpecIsChecked(t *testing.T) {
	nodes := startJobs(t, 1, goPrograms{"ring": ring, "handler": func(*goRank) {}})
	for _, x := range []struct {
		spec mpi.JobSpec
		code mpi.Code
	}{
		{mpi.JobSpec{File: "ring"}, mpi.CodeInvalid},
		{mpi.JobSpec{File: "handler", Ranks: 1}, mpi.CodeInvalid},
		{mpi.JobSpec{File: "rung", Ranks: 1}, mpi.CodeNotFound},
		{mpi.JobSpec{File: "ring", Ranks: 1, Peers: []mpi.PeerID{"bob"}}, mpi.CodeInvalid},
		{mpi.JobSpec{File: "ring", Ranks: 1, Peers: []mpi.PeerID{nodes[0].Self(), nodes[0].Self()}}, mpi.CodeInvalid},
	} {
		var e *mpi.Error
		if _, err := nodes[0].StartJob(t.Context(), x.spec); !errors.As(err, &e) || e.Code != x.code {
			t.Errorf("%+v: %v, want %s", x.spec, err, x.code)
		}
	}
	for _, err := range []error{
		func() error { _, err := nodes[0].Job("x"); return err }(),
		func() error { _, err := nodes[0].CancelJob(t.Context(), "x"); return err }(),
		func() error { _, err := nodes[0].JobFile("x", "y"); return err }(),
		nodes[0].JobInput(t.Context(), "x", strings.NewReader("")),
		nodes[0].JobEvents(t.Context(), "x", 0, nil),
	} {
		var e *mpi.Error
		if !errors.As(err, &e) || e.Code != mpi.CodeNotFound {
			t.Errorf("of a job that is not there: %v", err)
		}
	}
}
