package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// hello prints one line, and passes a number around the ring of all ranks.
var ring = withMPI(func(g *goRank) {
	if g.rank == 0 {
		g.send((1)%g.size, 1)
		g.printf("the ring counted %d\n", g.recv(g.size-1))
	} else {
		v := g.recv(g.rank - 1)
		g.send((g.rank+1)%g.size, v+1)
		g.printf("rank %d of %d\n", g.rank, g.size)
	}
})

func TestJobOnOneNode(t *testing.T) {
	nodes := startJobs(t, 1, goPrograms{"ring": ring})
	l := nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 4})
	l.isDone(t)
	if l.out[0] != "the ring counted 4\n" || l.out[3] != "rank 3 of 4\n" {
		t.Errorf("it printed %v", l.out)
	}
	idle(t, nodes...)
}

// The same job on any number of nodes, placed either way.
func TestJobAcrossNodes(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			nodes := startJobs(t, n, goPrograms{"ring": ring}, func(_ int, c *setup) { c.RankSlots = 4 })
			l := nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 7})
			l.isDone(t)
			if l.out[0] != "the ring counted 7\n" {
				t.Errorf("it printed %v", l.out)
			}
			if p := l.places(nodes); p[0] != 0 || p[n%7] != 0 || len(slices.Compact(slices.Sorted(slices.Values(p)))) != min(n, 7) {
				t.Errorf("ranks in turn over %d nodes are on %v", n, p)
			}
			l = nodes[0].run(t, mpi.JobSpec{File: "ring", Ranks: 7, MapBy: mpi.BySlot})
			l.isDone(t)
			if p := l.places(nodes); !slices.Equal(p[:4], []int{0, 0, 0, 0}) || p[4] == 0 || p[4] != p[6] {
				t.Errorf("ranks that fill 4 slots of %d nodes are on %v", n, p)
			}
			idle(t, nodes...)
		})
	}
}

func (l logged) String() string {
	var b strings.Builder
	for _, e := range l.events {
		fmt.Fprintf(&b, "%d %s %d %q %s\n", e.Seq, e.Type, e.Rank, e.Text, e.State)
	}
	return b.String()
}

// The end of standard input can be given once, also if who gave it did not wait for the answer.
func TestEndOfInputIsRemembered(t *testing.T) {
	j := &job{spec: mpi.JobSpec{Stdin: true}}
	f := &j.feed
	if err := f.begin(j); err != nil {
		t.Fatal(err)
	}
	turn, _ := f.next()
	f.end()
	if err := f.begin(j); err != nil {
		t.Fatal(err)
	}
	_, sent := f.next()
	f.answer(inputSent{turn: turn, ok: true, end: true})
	f.end()
	if err := f.begin(j); err == nil {
		t.Error("it can be given again")
	}
	select {
	case <-sent:
		t.Error("the answer to another turn came")
	default:
	}
}
