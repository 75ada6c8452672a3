package job

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Packets that a node of a job has not taken are kept for it until the job is over, and no longer:
// it might have one job after the other, and take nothing.
func TestHostileNodeThatTakesNoPackets(t *testing.T) {
	programs := goPrograms{"wait": withMPI(func(g *goRank) { g.send(1, 7) })}
	withIsolated(t, programs, func(t *testing.T, n *isolatedNode) {
		const origin, other = mpi.PeerID("origin"), mpi.PeerID("other")
		waits := func() (list []frame.Frame) {
			list = n.hear(other)
			n.mu.Lock()
			defer n.mu.Unlock()
			n.said[other] = list
			return list
		}
		for range 2 {
			id := mpi.NewRequestID(origin)
			n.receive(origin, frame.Offer{Job: id, Program: cidOf("wait"), Ranks: 1})
			n.hear(origin)
			n.receive(origin, frame.Place{Job: id, Nodes: []mpi.PeerID{n.self, other}, Ranks: []uint32{0, 1}, Args: []string{"x"}})
			n.hear(origin)
			n.receive(origin, frame.Start{Job: id})
			if list := waits(); len(list) != 1 || list[0].(frame.Packets).Job != frame.JobKey(id) {
				t.Fatalf("during the job %+v waits", list)
			}
			n.receive(origin, frame.Stop{Job: id})
			if list := waits(); len(list) != 0 {
				t.Fatalf("after the job %+v waits", list)
			}
		}
	})
}
