package p2p

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// A full table forgets no session that may still be resumed within this node's own grace.
func TestFullTableKeepsForTheGrace(t *testing.T) {
	var n inbounds
	watched, stranger := peer.ID("watched"), peer.ID("stranger")
	n.init(2, func(p mpi.PeerID) time.Duration {
		if p == mpi.PeerID(watched.String()) {
			return time.Hour
		}
		return 30 * time.Second
	})
	n.peers[watched] = &inbound{detached: time.Now().Add(-10 * time.Minute)}
	n.peers[stranger] = &inbound{detached: time.Now().Add(-2 * time.Minute)}
	if !n.evict() || n.peers[watched] == nil || n.peers[stranger] != nil {
		t.Fatalf("left: %v", n.peers)
	}
	if n.evict() {
		t.Error("the session of a peer that is watched for an hour was forgotten after ten minutes")
	}
	n.peers[watched].dead = true
	if !n.evict() {
		t.Error("a session that is over keeps its place")
	}
}

// silences records what a receiver is told of silences.
type silences struct {
	frame.Receiver
	told []string
}

func (s *silences) Silent(mpi.PeerID, time.Time, string) { s.told = append(s.told, "silent") }
func (s *silences) Heard(mpi.PeerID)                     { s.told = append(s.told, "heard") }

// A silence that is noticed as its session ends does not outlast it.
func TestSilenceOfAnEndedSessionEnds(t *testing.T) {
	told := new(silences)
	tr := &Transport{cfg: Config{}.withDefaults(), receiver: told}
	o := &outbound{t: tr, name: "b", state: over}
	o.hush(time.Now(), errNoAnswer)
	if len(told.told) != 2 || told.told[1] != "heard" {
		t.Errorf("told %q", told.told)
	}
}
