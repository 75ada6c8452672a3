package p2p

import (
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// What is sent while a write is under way is taken with the next one.
func TestFramesOfABurstAreTakenTogether(t *testing.T) {
	tr := New(newHost(t), ForJobs(Config{}))
	o := newOutbound(tr, tr.host.ID(), "peer")
	defer o.cancel()
	o.state, o.number, o.window, o.maxFrame = up, 1, 1<<20, wire.MinMaxFrame
	o.writing = true
	for n := range 64 {
		m, err := tr.encode(numbered(n, 0))
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			if _, err := o.send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		} else if !o.post(m, func(err error) { t.Error(err) }) {
			t.Fatal("the session is over")
		}
	}
	if batch, _, _ := o.take(nil); len(batch) != 0 {
		t.Errorf("%d frames are taken while another write is under way", len(batch))
	}
	o.wrote()
	<-o.wake // by wrote, as there is more
	if batch, _, _ := o.take(nil); len(batch) != 64 {
		t.Errorf("%d frames are taken at once, want 64", len(batch))
	}
}

// A frame is written by its Send where nothing was written for a while, or where it may be an
// answer.
func TestWhoWrites(t *testing.T) {
	o := &outbound{}
	o.entries = make([]entry, 1)
	for _, c := range []struct {
		name    string
		wroteAt time.Time
		turn    bool
		want    bool
	}{
		{"the first", time.Time{}, false, true},
		{"within a burst", time.Now().Add(time.Hour), false, false}, // whatever the test takes
		{"an answer", time.Now().Add(time.Hour), true, true},
		{"after a pause", time.Now().Add(-time.Hour), false, true},
	} {
		o.wroteAt = c.wroteAt
		o.turn.Store(c.turn)
		if got := o.idle(); got != c.want {
			t.Errorf("%s: idle is %v", c.name, got)
		}
		if o.turn.Load() && c.want {
			t.Errorf("%s: it still is this node's turn", c.name)
		}
	}
}

// Both nodes have a session to the other when their connection breaks, and both want it back.
func TestBothSidesMendTheirConnection(t *testing.T) {
	cfg := ForJobs(Config{})
	cfg.Grace = patience // how soon they have it back depends on what else the machine does
	x, y := pair(t, cfg, cfg)
	for n := range 10 {
		for _, way := range []struct{ from, to *node }{{x, y}, {y, x}} {
			k := numbered(n+1, 8)
			if _, err := way.from.Send(t.Context(), way.to.Self(), k); err != nil {
				t.Fatal(err)
			}
			if got, ok := way.to.frame(t).(frame.Packets); !ok || numberOf(got) != numberOf(k) {
				t.Fatalf("frame %v, want packet %d", got, numberOf(k))
			}
		}
		sever(x.h, y.h.ID())
	}
	for _, n := range []*node{x, y} {
		select {
		case l := <-n.losses:
			t.Errorf("lost: %+v", l)
		default:
		}
	}
}
