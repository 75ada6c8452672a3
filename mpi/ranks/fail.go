package ranks

import (
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// failures are the ranks of the job that have failed, on all nodes.
type failures struct {
	mu    sync.Mutex // guards the rest
	ranks map[int]bool
	left  map[int]int // ranks of each node that have not failed; nil before any has
}

// add counts ranks that have failed. It returns those that were not known to have, and the nodes of
// which none is left.
func (f *failures) add(ranks, nodes []int) (fresh, gone []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range ranks {
		if r < 0 || r >= len(nodes) || f.ranks[r] {
			continue
		}
		if f.ranks == nil {
			f.ranks, f.left = map[int]bool{}, map[int]int{}
			for _, node := range nodes {
				f.left[node]++
			}
		}
		f.ranks[r] = true
		fresh = append(fresh, r)
		if f.left[nodes[r]]--; f.left[nodes[r]] == 0 {
			gone = append(gone, nodes[r])
		}
	}
	return fresh, gone
}

// FailRanks implements [exec.RankGroup].
func (g *group) FailRanks(ranks []int, why string) {
	g.open.RLock()
	defer g.open.RUnlock()
	if g.closed {
		return
	}
	fresh, gone := g.failed.add(ranks, g.cfg.Nodes)
	if len(fresh) == 0 {
		return
	}
	g.world.FailRanks(fresh, &exec.ExitError{Reason: mpi.Cancelled, Exit: 1, Detail: why})
	for _, node := range gone {
		if g.other(node) {
			g.lane(node).fail()
		}
	}
}
