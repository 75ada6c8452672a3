package p2p

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

func TestFramesArriveAsTheyWere(t *testing.T) {
	a, b := pair(t, Config{}, Config{})
	frames := []frame.Frame{
		frame.Deliver{ID: 1, Request: mpi.NewRequestID(a.Self()), Program: program, Answer: true, Budget: time.Second, Pid: -5, Data: []byte("data")},
		frame.Accept{ID: 2},
		frame.Refuse{ID: 3, Reason: mpi.Busy, Detail: "full"},
		frame.Done{ID: 4, Omitted: 1, Failures: []mpi.Failure{{Index: -1, From: a.Self(), To: b.Self(), Reason: mpi.Trapped}}},
		frame.Cancel{Request: mpi.NewRequestID(b.Self())},
		deliver(a, 5, 3<<20),
	}
	for _, f := range frames {
		if n := a.mustSend(t, b, f); n != 1 {
			t.Fatalf("session %d, want 1", n)
		}
	}
	for i, want := range frames {
		if got := b.frame(t); !sameFrame(got, want) {
			t.Errorf("frame %d: got %T %.200v, want %T %.200v", i, got, got, want, want)
		}
	}
}

func sameFrame(a, b frame.Frame) bool {
	x, ok := a.(frame.Deliver)
	if y, ok2 := b.(frame.Deliver); ok && ok2 {
		same := bytes.Equal(x.Data, y.Data)
		x.Data, y.Data = nil, nil
		return same && x.ID == y.ID && x.Request == y.Request && x.Program == y.Program &&
			x.Answer == y.Answer && x.Budget == y.Budget && x.Pid == y.Pid
	}
	return equal(a, b)
}

// Both nodes send while their connections are cut again and again: every frame arrives once, in
// order, and no session is lost.
func TestOnceAndInOrderWhileConnectionsBreak(t *testing.T) {
	const frames, cuts = 4000, 25
	a, b := pair(t, Config{Window: 64 << 10}, Config{Window: 64 << 10})
	var wg sync.WaitGroup
	received := new(atomic.Int64)
	receive := func(n *node) {
		for want := uint64(1); want <= frames; want++ {
			d, ok := n.frame(t).(frame.Deliver)
			if !ok || d.ID != want {
				t.Errorf("frame %d came where %d should", d.ID, want)
				return
			}
			received.Add(1)
		}
	}
	send := func(from, to *node) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for id := uint64(1); id <= frames; id++ {
			if n, err := from.Send(ctx, to.Self(), deliver(from, id, 1+int(id*37%2000))); err != nil {
				t.Errorf("send %d: %v", id, err)
				return
			} else if n != 1 {
				t.Errorf("frame %d went to session %d", id, n)
				return
			}
		}
	}
	wg.Go(func() { receive(a) })
	wg.Go(func() { receive(b) })
	wg.Go(func() { send(a, b) })
	wg.Go(func() { send(b, a) })
	for i := range cuts {
		// Each cut comes when some more has arrived, so that they fall among the frames.
		at := int64(2*frames) * int64(i+1) / (cuts + 1)
		eventually(t, "frames arrive between cuts", func() bool { return received.Load() >= at || t.Failed() })
		if x, y := a, b; rand.IntN(2) == 0 {
			sever(x.h, y.h.ID())
		} else {
			sever(y.h, x.h.ID())
		}
	}
	wg.Wait()
	for _, n := range []*node{a, b} {
		if len(n.frames) > 0 || len(n.losses) > 0 {
			t.Errorf("%d frames too many, %d sessions lost", len(n.frames), len(n.losses))
		}
	}
}

// A session on which nothing is under way is resumed too, at once.
func TestIdleSessionResumes(t *testing.T) {
	a, b := pair(t, Config{}, Config{})
	a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	sever(a.h, b.h.ID())
	eventually(t, "a new stream without a Send", func() bool { return streams(a.h, SessionProtocol) == 1 })
	if n := a.mustSend(t, b, frame.Accept{ID: 2}); n != 1 {
		t.Errorf("session %d, want the first one", n)
	}
	if f := b.frame(t); f != (frame.Accept{ID: 2}) {
		t.Errorf("got %v", f)
	}
}

func TestKilledPeerIsLostWithinGrace(t *testing.T) {
	const grace = 300 * time.Millisecond
	a, b := pair(t, Config{Grace: grace}, Config{})
	session := a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	start := time.Now()
	b.h.Close() // without a word from the transport, as by SIGKILL
	l := a.loss(t)
	if l.peer != b.Self() || l.session != session || l.why == nil {
		t.Errorf("lost %+v", l)
	}
	if took := time.Since(start); took > grace+5*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := a.Send(ctx, b.Self(), frame.Accept{ID: 2}); !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("send: %v, want unreachable", err)
	}
	if len(a.losses) > 0 {
		t.Error("lost more than once")
	}
}

// What is queued for a peer that is gone is named as never sent, and what was written is not.
func TestUnsentMessagesAreNamed(t *testing.T) {
	a, b := pair(t, Config{Grace: 3 * time.Second}, Config{})
	a.mustSend(t, b, deliver(a, 6, 10))
	b.frame(t)
	b.h.Close()
	o := a.outs[b.Self()]
	eventually(t, "a broken session", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.broken })
	a.mustSend(t, b, deliver(a, 7, 10))
	a.mustSend(t, b, frame.Accept{ID: 9})
	a.mustSend(t, b, deliver(a, 8, 0))
	a.loss(t)
	if got := <-a.unsent; !slices.Equal(got, []uint64{7, 8}) {
		t.Errorf("unsent %v, want 7 and 8", got)
	}
}

// The same peer in another life: same key, same address, and what it was told is gone.
func TestRestartedPeerIsLost(t *testing.T) {
	key := newKey(t)
	a, b := newNode(t, Config{}), newNode(t, Config{}, libp2p.Identity(key))
	know(a.h, b.h)
	session := a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	addr := b.h.Addrs()[0].String()
	b.h.Close()
	c := newNode(t, Config{}, libp2p.Identity(key), libp2p.ListenAddrStrings(addr))
	if l := a.loss(t); l.session != session || !errors.Is(l.why, errRestarted) && !isTold(l.why) {
		t.Errorf("lost %+v", l)
	}
	if n := a.mustSend(t, c, frame.Accept{ID: 2}); n != session+1 {
		t.Errorf("session %d after %d", n, session)
	}
	if f := c.frame(t); f != (frame.Accept{ID: 2}) {
		t.Errorf("got %v", f)
	}
}

func isTold(err error) bool {
	var f *fatalError
	return errors.As(err, &f) && f.told
}

// A peer that speaks first after its restart: the old session is lost before its first frame is
// received.
func TestRestartIsKnownBeforeTheNewLifesFrames(t *testing.T) {
	key := newKey(t)
	var order []string
	var mu sync.Mutex
	note := func(s string) { mu.Lock(); order = append(order, s); mu.Unlock() }
	arrived := make(chan struct{})

	h := newHost(t)
	s := newSink()
	s.hook = func(mpi.PeerID, frame.Frame) { note("frame"); close(arrived) }
	a := New(h, Config{Grace: patience})
	if err := a.Start(noting{s, func() { note("lost") }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(context.Background()) })
	b := newNode(t, Config{}, libp2p.Identity(key))
	know(h, b.h)
	if _, err := a.Send(t.Context(), b.Self(), frame.Accept{ID: 1}); err != nil {
		t.Fatal(err)
	}
	b.frame(t)
	b.h.Close()
	c := newNode(t, Config{}, libp2p.Identity(key)) // at an address that a does not know
	know(c.h, h)
	if _, err := c.Send(t.Context(), a.Self(), frame.Accept{ID: 2}); err != nil {
		t.Fatal(err)
	}
	<-arrived
	mu.Lock()
	defer mu.Unlock()
	if len(order) != 2 || order[0] != "lost" {
		t.Errorf("order: %v, want lost, frame", order)
	}
}

type noting struct {
	*sink
	lost func()
}

func (n noting) Lost(p mpi.PeerID, s uint64, why error) { n.lost(); n.sink.Lost(p, s, why) }

// A node that stops flushes what it was given and says goodbye: its peers know at once, without
// grace, and after the last frame.
func TestGoodbye(t *testing.T) {
	a, b := pair(t, Config{Grace: time.Hour}, Config{Grace: time.Hour})
	session := a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	const frames = 500
	for id := range uint64(frames) {
		b.mustSend(t, a, frame.Accept{ID: id})
	}
	b.stop(t)
	if l := a.loss(t); l.session != session || !strings.Contains(l.why.Error(), closeText(wire.CloseStopping)) {
		t.Errorf("lost %+v", l)
	}
	if n := len(a.frames); n != frames {
		t.Errorf("%d frames were there when the session was lost, want %d", n, frames)
	}
	if l := b.loss(t); l.peer != a.Self() || !errors.Is(l.why, errFinished) {
		t.Errorf("the stopped node itself lost %+v", l)
	}
	if _, err := b.Send(t.Context(), a.Self(), frame.Accept{}); !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("send after close: %v", err)
	}
}

// When a node gives up its session to a peer, the peer's own session ends too: what the peer waits
// for was lost with it.
func TestLossIsMutual(t *testing.T) {
	a, b := pair(t, Config{}, Config{})
	session := a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	b.mustSend(t, a, frame.Accept{ID: 1})
	a.frame(t)
	b.mu.RLock()
	o := b.outs[a.Self()]
	b.mu.RUnlock()
	o.over(errors.New("grace is over"))
	if l := b.loss(t); l.peer != a.Self() {
		t.Errorf("b lost %+v", l)
	}
	if l := a.loss(t); l.session != session || !isTold(l.why) {
		t.Errorf("a lost %+v", l)
	}
	if n := a.mustSend(t, b, frame.Accept{ID: 2}); n != session+1 {
		t.Errorf("session %d", n)
	}
	b.mustSend(t, a, frame.Accept{ID: 2})
	b.frame(t)
	a.frame(t)
}

// A peer that is silent on a live connection is found out by a Ping.
func TestSilentPeerIsLost(t *testing.T) {
	cfg := Config{PingEvery: 20 * time.Millisecond, PingTimeout: 50 * time.Millisecond, Grace: 50 * time.Millisecond}
	a := newNode(t, cfg)
	m := newMute(t)
	know(a.h, m.h)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := a.Send(ctx, mpi.PeerID(m.h.ID().String()), frame.Accept{ID: 1})
	if err != nil {
		t.Fatal(err)
	}
	if l := a.loss(t); l.session != session {
		t.Errorf("lost %+v", l)
	}
}

// A live peer that has nothing to say is not lost.
func TestPingKeepsIdleSession(t *testing.T) {
	cfg := Config{PingEvery: 5 * time.Millisecond, PingTimeout: patience, Grace: time.Millisecond}
	a, b := pair(t, cfg, cfg)
	a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	a.mu.RLock()
	o := a.outs[b.Self()]
	a.mu.RUnlock()
	for range 5 {
		o.mu.Lock()
		o.heard = false
		o.mu.Unlock()
		eventually(t, "a Pong", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.heard })
	}
	if len(a.losses) > 0 {
		t.Error("lost")
	}
}

func TestSimultaneousOpens(t *testing.T) {
	a, b := pair(t, Config{}, Config{})
	var wg sync.WaitGroup
	for _, x := range [][2]*node{{a, b}, {b, a}} {
		for range 8 {
			wg.Go(func() { x[0].mustSend(t, x[1], frame.Accept{ID: 7}) })
		}
	}
	wg.Wait()
	for range 8 {
		a.frame(t)
		b.frame(t)
	}
	if n := streams(a.h, SessionProtocol); n != 2 {
		t.Errorf("%d streams, want one each way", n)
	}
}

// So it does when the node cannot even open its own: here for want of room at the peer.
func TestNoWayBackEndsThePeersSession(t *testing.T) {
	a, b := pair(t, Config{MaxSessions: 1}, Config{})
	c := newNode(t, Config{})
	know(c.h, a.h)
	c.mustSend(t, a, frame.Accept{ID: 1}) // takes the one place
	a.frame(t)
	session := a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	if _, err := b.Send(t.Context(), a.Self(), frame.Done{ID: 1}); !errors.Is(err, frame.ErrUnreachable) {
		t.Fatalf("got %v", err)
	}
	if l := a.loss(t); l.session != session || !isTold(l.why) {
		t.Errorf("lost %+v", l)
	}
}
