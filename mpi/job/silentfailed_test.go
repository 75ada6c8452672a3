package job

import (
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// The record of a job does not say that a node is waited for that the job goes on without.
func TestNoWaitForFailedNode(t *testing.T) {
	now := time.Unix(1e9, 0)
	o := newOrigin("self", mpi.JobID{Origin: "self"}, mpi.JobSpec{File: "prog", Ranks: 3, FT: true}, mpi.Interpreter{Name: "prog"}, now)
	peers := []mpi.PeerID{"self", "b", "c"}
	o.step(now, begun{})
	o.step(now, candidates{round: o.round, peers: peers})
	for _, f := range []frame.JobFrame{frame.Reservation{Ranks: 1}, frame.Prepared{}} {
		for _, p := range peers {
			o.step(now, nodeEvent{p, f})
		}
	}
	o.step(now, nodeEvent{"b", frame.Silence{Peer: "c", For: time.Second}})
	if len(o.record.Silent) != 1 {
		t.Fatalf("silent: %v", o.record.Silent)
	}
	o.step(now, nodeEvent{"b", frame.PeerLost{Peer: "c", Detail: "silent"}})
	o.step(now, nodeSilent{"c", now})
	if o.phase != running || len(o.record.Silent) != 0 {
		t.Errorf("%v, silent: %v", o.phase, o.record.Silent)
	}
}
