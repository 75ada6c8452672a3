package p2p

import (
	"errors"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// slowLoser is a receiver that takes its time to hear of a loss.
type slowLoser struct {
	*sink
	lost, goOn chan struct{}
}

func (s *slowLoser) Lost(mpi.PeerID, uint64, error) {
	close(s.lost)
	<-s.goOn
}

// What is posted while the receiver is being told of a session's end goes on the next session, in
// order, and before what is posted later.
func TestPostsBetweenSessionsStayInOrder(t *testing.T) {
	y := newNode(t, ForJobs(Config{}))
	s := &slowLoser{newSink(), make(chan struct{}), make(chan struct{})}
	x := &node{Transport: New(newHost(t), ForJobs(Config{})), sink: s.sink}
	if err := x.Start(s); err != nil {
		t.Fatal(err)
	}
	x.h = x.host
	know(x.h, y.h)
	x.mustSend(t, y, numbered(1, 8))
	y.frame(t)
	x.mu.RLock()
	o := x.outs[y.Self()]
	x.mu.RUnlock()
	x.enter()
	go func() {
		defer x.wg.Done()
		o.end(errors.New("it ends"))
	}()
	<-s.lost
	const posts = 200
	for n := range posts {
		if n == posts/2 {
			close(s.goOn)
		}
		x.Post(y.Self(), numbered(n+2, 8), func(err error) { t.Error(err) })
	}
	for n := range posts {
		if k, ok := y.frame(t).(frame.Packets); !ok || numberOf(k) != uint64(n+2) {
			t.Fatalf("frame %v, want packet %d", k, n+2)
		}
	}
	s.lost = make(chan struct{}) // for Close
	x.stop(t)
	if n := x.posted.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}
