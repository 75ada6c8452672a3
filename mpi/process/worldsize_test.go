package process

import (
	"runtime"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Whoever starts a job chooses how large its world is. What each rank here keeps grows with the
// peers that it talks to, not with the world.
func TestHostileWorldSize(t *testing.T) {
	const local = 64
	perRank := func(size int) int64 {
		nodes := make([]int, size)
		ranks := make([]int, local)
		for r := range ranks {
			ranks[r] = r
		}
		for r := local; r < size; r++ {
			nodes[r] = 1
		}
		live := func() int64 {
			for range 3 { // pools keep what earlier tests left for two
				runtime.GC()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		w := match.New(t.Context(), match.Config{Size: size, Local: ranks})
		defer w.Close()
		w.Ranks()
		before := live()
		procs := make([]*Process, local)
		for r := range procs {
			procs[r] = New(Config{World: w, Rank: r, Nodes: nodes, Slots: size})
			if got := procs[r].world.group.place(int32(size - 1)); got != size-1 {
				t.Fatalf("the last rank is %d in the world", got)
			}
			if got := procs[r].handles.comms.get(abi.CommWorld).size(); got != size {
				t.Fatalf("a world of %d, not %d", got, size)
			}
		}
		after := live()
		runtime.KeepAlive(procs)
		return (after - before) / local
	}
	small, large := perRank(local), perRank(mpi.MaxRanks)
	t.Logf("a rank keeps %d bytes in a world of %d, and %d in one of %d", small, local, large, mpi.MaxRanks)
	if large > small+4<<10 {
		t.Error("that grows with the world")
	}
}
