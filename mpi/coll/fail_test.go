package coll

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
)

// A collective ends with an error on every rank that lives when one that takes part fails, whether
// it waits for that rank itself or for others that do. A communicator without it goes on.
func TestMemberFails(t *testing.T) {
	gone := errors.New("its node is gone")
	collectives := map[string]func(s *Schedule, r *rank){
		"barrier": func(s *Schedule, r *rank) { s.Barrier() },
		"bcast":   func(s *Schedule, r *rank) { s.Bcast(doubles(make([]float64, 100000)), 3) },
	}
	for name, nodes := range map[string][]int{"one node": {0, 0, 0, 0, 0}, "nodes": {0, 1, 2, 3, 1}} {
		for what, collective := range collectives {
			t.Run(what+" on "+name, func(t *testing.T) {
				const victim = 3
				n := matchtest.Start(t.Context(), nodes, 5, match.Config{Cores: -1})
				defer n.Close()
				all, rest := []int32{0, 1, 2, 3, 4}, []int32{0, 1, 2, 4}
				var wg sync.WaitGroup
				for i := range nodes {
					if i == victim {
						continue
					}
					wg.Go(func() {
						e := n.World(nodes[i]).Endpoint(i)
						r := &rank{T: t, Engine: NewEngine(e), me: i, n: len(nodes)}
						r.team = Team{Context: 7, Rank: i, Members: all, Scope: e.Open(6, all)}
						s := r.next()
						collective(s, r)
						var failed *match.RankError
						if err := r.run(s); !errors.As(err, &failed) || failed.Rank != victim {
							t.Errorf("rank %d: %v", i, err)
						}
						r.team = Team{Context: 9, Rank: slices.Index(rest, int32(i)), Members: rest, Scope: e.Open(8, rest)}
						s = r.next()
						s.Barrier()
						r.must(s)
					})
				}
				for _, node := range nodes {
					n.World(node).FailRank(victim, gone)
				}
				wg.Wait()
			})
		}
	}
}
