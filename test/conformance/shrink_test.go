package conformance_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// kills are ranks of a job that are killed, each at a call of MPI of its own.
type kills struct {
	at    map[int]int // number of the call, by rank
	nodes []int

	net  *matchtest.Network
	mu   sync.Mutex // guards dead
	dead []int
}

func (k *kills) begin(net *matchtest.Network) {
	if k != nil {
		k.net = net
	}
}

// of reports whether a rank was killed.
func (k *kills) of(rank int) bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Contains(k.dead, rank)
}

// killed is the library of a rank that is killed.
type killed struct {
	exec.Library
	k     *kills
	rank  int
	calls int
}

var errKilled = &exec.ExitError{Reason: mpi.Cancelled, Exit: 1, Detail: "it was killed"}

func (l *killed) Call(f int, args []uint64) (uint64, error) {
	if l.calls++; l.calls != l.k.at[l.rank] {
		return l.Library.Call(f, args)
	}
	l.k.mu.Lock()
	l.k.dead = append(l.k.dead, l.rank)
	l.k.mu.Unlock()
	for _, node := range l.k.nodes {
		l.k.net.World(node).FailRank(l.rank, errKilled)
	}
	return 0, errKilled
}

// A program in C that revokes, shrinks and goes on ends well without the ranks that are killed, at
// whichever call (ULFM). With nobody killed it is a program as any other.
func TestShrink(t *testing.T) {
	const iterations = 50
	program := conformance.Program{Name: "shrink", Source: "test/conformance/programs/shrink.c", Args: []string{fmt.Sprint(iterations)}}
	for seed := range uint64(30) {
		draw := rand.New(rand.NewPCG(seed, 1))
		ranks := 2 + draw.IntN(4)
		nodes := make([]int, ranks)
		for i := range nodes {
			nodes[i] = i % (1 + int(seed%3))
		}
		k := &kills{at: map[int]int{}, nodes: nodes}
		for _, rank := range draw.Perm(ranks)[:draw.IntN(ranks)] {
			k.at[rank] = 3 + draw.IntN(2*iterations) // after MPI_Comm_set_errhandler
		}
		decorate := func(rank int, l exec.Library) exec.Library {
			if k.at[rank] == 0 {
				return l
			}
			return &killed{Library: l, k: k, rank: rank}
		}
		check := seed%4 == 0
		got := runJob(t, program, nodes, seed, check, decorate, k)
		left := ranks - len(k.dead)
		ends := fmt.Sprintf("done: %d iterations, %d of %d ranks, ", iterations, left, ranks)
		if got.err != nil || strings.Count(got.out, ends) != 1 || !strings.Contains(got.out, fmt.Sprintf(", sum %d\n", left)) {
			t.Errorf("seed %d: %d ranks on nodes %v, killed at calls %v, check %v: %v\n%s", seed, ranks, nodes, k.at, check, got.err, got.out)
		}
	}
}
