//go:build e2e && linux

package e2e

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Must hold 4: a node that is killed at a random moment is missed within two seconds. With FT its
// ranks fail, and those of the others revoke the communicator, shrink it, and finish.
func TestFaultsKills(t *testing.T) {
	l := newFaultLab(t, 4, labOptions{serve: []string{"hello"}})
	shrink := compiled(t, l.nodes[0].node, "test", "conformance", "programs", "shrink.c")
	random := rand.New(rand.NewPCG(faultSeed(t), 5))
	var slowest time.Duration
	kills := of(50, 2)
	for kill := range kills {
		victim := l.nodes[1+random.IntN(3)]
		spec := mpi.JobSpec{File: shrink, Ranks: 8, Args: []string{"400", "10000"}, FT: true, WaitSlots: patience}
		for _, n := range l.nodes {
			spec.Peers = append(spec.Peers, mpi.PeerID(n.Peer))
		}
		moment := time.Duration(random.IntN(1500)) * time.Millisecond
		var killed, missed time.Time
		began, done := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		go func() { // joined by done
			defer close(done)
			select {
			case <-began:
			case <-ctx.Done():
			}
			pause(ctx, moment)
			killed = time.Now()
			victim.signal(t, syscall.SIGKILL)
		}()
		running := false
		j, out, err := l.follow(ctx, l.nodes[0].node, spec, func(e mpi.JobEvent) {
			if e.State == mpi.JobRunning && !running {
				running = true
				close(began)
			}
			if e.Type == mpi.EventRankFailed && missed.IsZero() {
				missed = time.Now()
			}
		})
		if !running {
			close(began)
		}
		<-done
		cancel()
		switch {
		case err != nil:
			t.Fatalf("kill %d: %v", kill, err)
		case j.State != mpi.JobDone || j.Exit != 0:
			t.Errorf("kill %d after %v: %s, exit %d, %s\n%s", kill, moment, j.State, j.Exit, l.told(j.Cause), out)
		case missed.IsZero():
			t.Errorf("kill %d after %v: the job was over before its ranks failed:\n%s", kill, moment, out)
		case !strings.Contains(out, "6 of 8 ranks"):
			t.Errorf("kill %d after %v: its ranks say\n%s", kill, moment, out)
		default:
			slowest = max(slowest, missed.Sub(killed))
			t.Logf("kill %d, %v after the ranks began: missed after %v", kill, moment, missed.Sub(killed))
		}
		if t.Failed() {
			return
		}
		l.revive(t, victim, "hello")
	}
	t.Logf("%d kills, missed after %v at the latest", kills, slowest)
	if slowest > 2*time.Second {
		t.Errorf("a killed node was missed after %v", slowest)
	}
}
