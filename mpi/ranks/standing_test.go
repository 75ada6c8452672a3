package ranks

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// Groups of a program that is right, asked all the time what they do, never stand as those of ranks
// that wait for each other would: idle in two rounds that follow each other, unchanged, and with as
// many packets dealt with as were sent. Its ranks wait often and briefly, for small messages and
// for large ones, for ranks of this node and of the other.
func TestStandingOfRightPrograms(t *testing.T) {
	const rounds, large = 300, 200 << 10
	owners := [2]*owner{newOwner(), newOwner()}
	var groups [2]*group
	for i, o := range owners {
		o.packets = func(_ int, data []byte) { groups[1-i].Packets(i, data) }
		o.credit = func(_ int, n int64) { groups[1-i].PacketCredit(i, n) }
	}
	for i, o := range owners {
		groups[i] = newGroup(t, func(g *goRank) {
			const size = 4
			next, last := (g.rank+1)%size, (g.rank+size-1)%size
			for k := range rounds {
				n := 4
				if k%10 == 0 {
					n = large
				}
				if g.rank == 0 {
					g.must("MPI_Send", 1024, n, abi.Byte, next, 5, abi.CommWorld)
				}
				g.must("MPI_Recv", 1024, n, abi.Byte, last, 5, abi.CommWorld, 0)
				if g.rank != 0 {
					g.must("MPI_Send", 1024, n, abi.Byte, next, 5, abi.CommWorld)
				}
				switch {
				case k%7 > 0:
				case g.rank%2 == 0:
					g.must("MPI_Ssend", 1024, 4, abi.Byte, g.rank^1, 6, abi.CommWorld)
				default:
					g.must("MPI_Recv", 1024, 4, abi.Byte, g.rank^1, 6, abi.CommWorld, 0)
				}
			}
		}, o, i, 2, 0, 1, 0, 1)
	}
	for _, g := range groups {
		g.Start()
	}
	var before [2]exec.Standing
	for asked := 0; ; asked++ {
		var now [2]exec.Standing
		over := 0
		for i, o := range owners {
			o.mu.Lock()
			o.stood = nil
			over += len(o.ends)
			o.mu.Unlock()
			groups[i].Look()
			o.mu.Lock()
			now[i] = o.stood[0]
			o.mu.Unlock()
		}
		if over == 4 {
			t.Logf("asked %d times", asked)
			break
		}
		same := true
		for i := range now {
			same = same && now[i].Idle && before[i].Idle && now[i].Epoch == before[i].Epoch &&
				now[i].Sent == before[i].Sent && now[i].Got == before[i].Got
		}
		if same && now[0].Sent+now[1].Sent == now[0].Got+now[1].Got && len(now[0].Waits)+len(now[1].Waits) > 0 {
			t.Fatalf("ranks that go on are taken for deadlocked: %+v", now)
		}
		before = now
	}
	for i, o := range owners {
		for rank, out := range o.ends {
			if out.Reason != "" {
				t.Errorf("rank %d ended %+v", rank, out)
			}
		}
		o.shut(t, groups[i])
	}
}
