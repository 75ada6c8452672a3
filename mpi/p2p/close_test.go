package p2p

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Close leaves nothing behind, whatever is going on.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	a, b := pair(t, Config{Grace: time.Hour}, Config{Grace: time.Hour})
	c := newNode(t, Config{Grace: time.Hour}) // will be in its time of grace
	know(a.h, c.h)
	m := newMute(t)
	know(a.h, m.h)
	for _, to := range []*node{b, c} {
		a.mustSend(t, to, frame.Accept{ID: 1})
		to.frame(t)
	}
	b.mustSend(t, a, frame.Accept{ID: 1})
	a.frame(t)
	if _, err := a.Send(t.Context(), mpi.PeerID(m.h.ID().String()), frame.Accept{ID: 1}); err != nil {
		t.Fatal(err)
	}
	c.h.Close()
	a.mu.RLock()
	o := a.outs[c.Self()]
	a.mu.RUnlock()
	eventually(t, "the session is in its time of grace", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.broken })

	a.stop(t)
	for range 3 {
		a.loss(t)
	}
	b.stop(t)
	c.stop(t)
	a.stop(t) // again
	eventually(t, "no goroutine of ours is left", func() bool { return len(ours()) == 0 })
	for _, p := range a.h.Mux().Protocols() {
		if strings.HasPrefix(string(p), "/ipfs-mpi/") {
			t.Errorf("the handler of %s is still there", p)
		}
	}
	if err := a.Start(newSink()); err == nil {
		t.Error("started after Close")
	}
}

// A Send that waits, for credit or for the session, ends with Close.
func TestCloseEndsWaitingSends(t *testing.T) {
	a := newNode(t, Config{})
	b, _ := stuck(t, Config{})
	know(a.h, b.h)
	_, last := fill(t, t.Context(), a, b, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no time to flush
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-last; !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("waiting Send: %v", err)
	}
	if a.queued.Load() != 0 {
		t.Errorf("%d bytes are still accounted for", a.queued.Load())
	}
}

func TestCloseWithoutStart(t *testing.T) {
	h := newHost(t)
	tr := New(h, Config{})
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := tr.Exchange(t.Context(), frame.PeerAddrs{Peer: tr.Self()}, frame.Hello{}); err == nil {
		t.Error("hello after Close")
	}
}

func TestCloseOnClosedHost(t *testing.T) {
	a, b := pair(t, Config{Grace: time.Hour}, Config{})
	a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	a.h.Close()
	a.stop(t)
	a.loss(t)
}
