package p2p

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// quick is a Config that notices a silence as soon as one of a watched peer.
func quick(grace time.Duration) Config {
	return Config{PingEvery: 250 * time.Millisecond, PingTimeout: 750 * time.Millisecond, Grace: grace}
}

// flowing sends frames both ways while damage is done, and checks that each arrives once and in
// order, on the first session. damage is called again and again, with its number, each time that
// some more have arrived.
func flowing(t *testing.T, x, y *node, frames, times int, damage func(i int)) {
	t.Helper()
	var received atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	for _, way := range [][2]*node{{x, y}, {y, x}} {
		from, to := way[0], way[1]
		done := make(chan struct{})
		next := uint64(1)
		to.hook = func(_ mpi.PeerID, f frame.Frame) {
			if d := f.(frame.Deliver); d.ID != next {
				t.Errorf("frame %d came where %d should", d.ID, next)
			}
			received.Add(1)
			if next++; next > uint64(frames) {
				close(done)
			}
		}
		wg.Go(func() {
			for id := uint64(1); id <= uint64(frames); id++ {
				if n, err := from.Send(ctx, to.Self(), deliver(from, id, int(id*37%3000))); err != nil || n != 1 {
					t.Errorf("frame %d: session %d, error %v", id, n, err)
					return
				}
			}
			select {
			case <-done:
			case <-ctx.Done():
				t.Error("not all frames came")
			}
		})
	}
	for i := range times {
		at := int64(2*frames) * int64(i+1) / int64(times+1)
		eventually(t, "frames arrive", func() bool { return received.Load() >= at || t.Failed() })
		damage(i)
	}
	wg.Wait()
	if n := len(x.losses) + len(y.losses); n > 0 {
		t.Errorf("%d sessions lost", n)
	}
}

// No frame is lost, doubled or reordered while the network stalls or is cut, for 0.3 to 3 s, or
// breaks all connections, in both directions at once.
func TestFramesSurviveTheNetwork(t *testing.T) {
	for name, hurt := range map[string]func(*link){
		"stall": (*link).stall, "cut": (*link).cut, "reset": (*link).reset,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, y, toX, toY := linked(t, quick(patience))
			const least, most, times = 300 * time.Millisecond, 3 * time.Second, 4
			flowing(t, x, y, 2000, times, func(i int) {
				hurt(toX)
				hurt(toY)
				if name != "reset" { // refusals that last mean that the peer is gone
					after(t, least+(most-least)*time.Duration(i)/(times-1))
				}
				toX.heal()
				toY.heal()
			})
		})
	}
}

// A session leaves a connection that carries nothing any more for one that is dialled beside it, in
// both directions, and closes the old one.
func TestSessionsMoveToANewConnection(t *testing.T) {
	x, y, toX, toY := linked(t, quick(patience))
	x.mustSend(t, y, frame.Accept{ID: 1})
	y.mustSend(t, x, frame.Accept{ID: 1})
	x.frame(t)
	y.frame(t)
	old := x.h.Network().ConnsToPeer(y.h.ID())
	toX.cut()
	toY.cut()
	toX.heal()
	toY.heal()
	for _, n := range []*node{x, y} {
		n.silence(t)
		n.hearing(t)
	}
	x.mustSend(t, y, frame.Accept{ID: 2})
	y.mustSend(t, x, frame.Accept{ID: 2})
	x.frame(t)
	y.frame(t)
	for _, c := range old {
		eventually(t, "the old connection is closed", c.IsClosed)
	}
	if n := len(x.losses) + len(y.losses); n > 0 {
		t.Errorf("%d sessions lost", n)
	}
}

// A silence is told once, with its end, and costs nothing if the connection comes back by itself.
func TestSilenceIsToldOnce(t *testing.T) {
	x, y, toX, toY := linked(t, quick(patience))
	x.mustSend(t, y, frame.Accept{ID: 1})
	y.frame(t)
	toX.stall()
	toY.stall()
	s := x.silence(t)
	if s.peer != y.Self() || s.since.IsZero() || s.why == "" {
		t.Errorf("silence %+v", s)
	}
	toX.heal()
	toY.heal()
	x.hearing(t)
	if n := x.mustSend(t, y, frame.Accept{ID: 2}); n != 1 {
		t.Errorf("session %d", n)
	}
	y.frame(t)
	if len(x.silences)+len(x.hearings)+len(x.losses) > 0 {
		t.Error("told more than once")
	}
}

// A peer that is silent for the whole grace is lost as silent, not as gone; while it waits for it a
// session of a longer grace goes on.
func TestSilentIsNotGone(t *testing.T) {
	x, y, toX, toY := linked(t, quick(2*time.Second))
	x.mustSend(t, y, frame.Accept{ID: 1})
	y.frame(t)
	toX.cut()
	toY.cut()
	x.silence(t)
	if l := x.loss(t); !errors.Is(l.why, frame.ErrSilent) || errors.Is(l.why, frame.ErrGone) {
		t.Errorf("lost: %v", l.why)
	}
	if len(x.hearings) > 0 {
		t.Error("heard")
	}
}

// A peer whose process is killed is gone: its address refuses. Its grace, however long, does not
// count, and another address that does not answer holds up nothing.
func TestGoneIsNotSilent(t *testing.T) {
	for _, watched := range []bool{false, true} {
		x, y := pair(t, ForJobs(Config{Grace: time.Hour}), ForJobs(Config{}))
		void := newLink(t) // takes connections and carries nothing
		void.stall()
		x.h.Peerstore().AddAddr(y.h.ID(), void.addr, peerstore.PermanentAddrTTL)
		if watched {
			defer x.Watch(y.Self(), time.Hour)()
		}
		x.mustSend(t, y, numbered(1, 0))
		y.frame(t)
		y.h.Close()
		if l := x.loss(t); !errors.Is(l.why, frame.ErrGone) || errors.Is(l.why, frame.ErrSilent) {
			t.Errorf("lost: %v", l.why)
		}
	}
}

// A node that cannot be dialled any more, as one whose address has changed, dials its peer itself;
// the peer's session goes on over that connection.
func TestAddressChange(t *testing.T) {
	x, y, toX, toY := linked(t, quick(patience))
	x.mustSend(t, y, frame.Accept{ID: 1})
	y.mustSend(t, x, frame.Accept{ID: 1})
	x.frame(t)
	y.frame(t)
	toY.cut() // for good
	toX.cut()
	toX.heal()
	x.hearing(t)
	if n := x.mustSend(t, y, frame.Accept{ID: 2}); n != 1 {
		t.Errorf("session %d", n)
	}
	y.frame(t)
	if n := len(x.losses) + len(y.losses); n > 0 {
		t.Errorf("%d sessions lost", n)
	}
}

// So it does where it only receives.
func TestReceiverDialsItsSender(t *testing.T) {
	x, y, _, toY := linked(t, quick(patience))
	x.mustSend(t, y, frame.Accept{ID: 1})
	y.frame(t)
	toY.cut() // for good
	sever(y.h, x.h.ID())
	x.hearing(t)
	if n := x.mustSend(t, y, frame.Accept{ID: 2}); n != 1 {
		t.Errorf("session %d", n)
	}
	y.frame(t)
}

// A first frame is not given up because the network is away for longer than a dial takes.
func TestOpeningOutlastsACut(t *testing.T) {
	cfg := quick(patience)
	cfg.DialTimeout = 500 * time.Millisecond
	x, y, _, toY := linked(t, cfg)
	if err := x.h.Connect(t.Context(), x.h.Peerstore().PeerInfo(y.h.ID())); err != nil {
		t.Fatal(err)
	}
	toY.cut()
	sent := make(chan error, 1)
	go func() {
		_, err := x.Send(t.Context(), y.Self(), frame.Accept{ID: 1})
		sent <- err
	}()
	after(t, time.Second)
	toY.heal()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	y.frame(t)
	if c := x.h.Network().Connectedness(y.h.ID()); c != network.Connected {
		t.Errorf("the connection is %v", c)
	}
}
