package p2p

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// stuck is a node whose receiver holds each frame until it is let go.
func stuck(t *testing.T, cfg Config) (n *node, release func()) {
	gate := make(chan struct{})
	s := newSink()
	s.hook = func(_ mpi.PeerID, f frame.Frame) { <-gate; s.frames <- f }
	n = startNode(t, newHost(t), cfg, s)
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release) // before the node's Close: cleanups run last in, first out
	return n, release
}

// fill sends until there is no credit left, and returns how many frames that took. The last Send is
// still blocked: its result comes on the channel.
func fill(t *testing.T, ctx context.Context, a, b *node, size int) (int, chan error) {
	t.Helper()
	for i := 1; ; i++ {
		o := make(chan error, 1)
		go func() {
			_, err := a.Send(ctx, b.Self(), deliver(a, uint64(i), size))
			o <- err
		}()
		blocked := false
		eventually(t, "Send returns or waits", func() bool {
			if len(o) > 0 {
				return true
			}
			a.mu.RLock()
			out := a.outs[b.Self()]
			a.mu.RUnlock()
			if out == nil {
				return false
			}
			out.mu.Lock()
			defer out.mu.Unlock()
			blocked = out.state == up && len(out.waiters) == 1
			return blocked
		})
		if blocked {
			return i, o
		}
		if err := <-o; err != nil {
			t.Fatal(err)
		}
	}
}

func TestCredit(t *testing.T) {
	const window = 64 << 10
	a := newNode(t, Config{})
	b, release := stuck(t, Config{Window: window})
	c := newNode(t, Config{})
	know(a.h, b.h)
	know(a.h, c.h)

	n, last := fill(t, t.Context(), a, b, 1<<10)
	if n < 50 || n > 64 {
		t.Errorf("%d frames of 1 KiB went into a window of %d", n, window)
	}
	// Others do not wait for it.
	a.mustSend(t, c, frame.Accept{ID: 1})
	c.frame(t)
	// A Send that gives up is not sent, and holds nobody up.
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := a.Send(ctx, b.Self(), frame.Accept{ID: 666})
		given <- err
	}()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Send: %v", err)
	}
	release()
	if err := <-last; err != nil {
		t.Error(err)
	}
	for i := range n {
		if d := b.frame(t).(frame.Deliver); d.ID != uint64(i+1) {
			t.Fatalf("frame %d, want %d", d.ID, i+1)
		}
	}
	a.mustSend(t, b, frame.Accept{ID: 1})
	if f := b.frame(t); f != (frame.Accept{ID: 1}) {
		t.Errorf("got %v", f)
	}
}

// A window smaller than a frame lets one frame through at a time.
func TestFrameLargerThanWindow(t *testing.T) {
	a, b := pair(t, Config{}, Config{Window: 64 << 10})
	for id := range uint64(3) {
		a.mustSend(t, b, deliver(a, id, 1<<20))
	}
	for id := range uint64(3) {
		if d := b.frame(t).(frame.Deliver); d.ID != id || len(d.Data) != 1<<20 {
			t.Errorf("got %d with %d bytes", d.ID, len(d.Data))
		}
	}
}

// What all peers together may hold is bounded too.
func TestMaxQueued(t *testing.T) {
	a := newNode(t, Config{MaxQueued: 10 << 10})
	b, _ := stuck(t, Config{})
	know(a.h, b.h)
	ctx, cancel := context.WithCancel(t.Context())
	n, last := fill(t, ctx, a, b, 1<<10)
	if n < 8 || n > 10 {
		t.Errorf("%d frames of 1 KiB were taken", n)
	}
	cancel()
	<-last
}

func TestTooLarge(t *testing.T) {
	a, b := pair(t, Config{}, Config{MaxFrame: wire.MinMaxFrame})
	for range 2 { // with the session being opened, and open
		_, err := a.Send(t.Context(), b.Self(), deliver(a, 1, wire.MinMaxFrame))
		if !errors.Is(err, frame.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	}
	body, err := wire.AppendMessage(nil, deliver(a, 2, 0))
	if err != nil {
		t.Fatal(err)
	}
	room := wire.MinMaxFrame - wire.DataLen(1, len(body))
	a.mustSend(t, b, deliver(a, 2, room))
	if d := b.frame(t).(frame.Deliver); len(d.Data) != room {
		t.Errorf("%d bytes of data", len(d.Data))
	}
	if _, err := a.Send(t.Context(), b.Self(), deliver(a, 3, room+1)); !errors.Is(err, frame.ErrTooLarge) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestSendErrors(t *testing.T) {
	a := newNode(t, Config{})
	bare := newHost(t) // without our protocols
	know(a.h, bare)
	gone := newHost(t)
	know(a.h, gone)
	gone.Close()
	unknown, _ := peer.IDFromPrivateKey(newKey(t))
	for _, x := range []struct {
		name string
		to   string
		f    frame.Frame
		want error
	}{
		{"itself", string(a.Self()), frame.Accept{}, frame.ErrUnreachable},
		{"no peer ID", "nonsense", frame.Accept{}, frame.ErrUnreachable},
		{"no address", unknown.String(), frame.Accept{}, frame.ErrUnreachable},
		{"connection refused", gone.ID().String(), frame.Accept{}, frame.ErrUnreachable},
		{"does not speak it", bare.ID().String(), frame.Accept{}, frame.ErrUnreachable},
		{"a CID that is none", bare.ID().String(), frame.Deliver{Request: mpi.NewRequestID(a.Self()), Program: "x"}, nil},
	} {
		start := time.Now()
		n, err := a.Send(t.Context(), mpi.PeerID(x.to), x.f)
		if err == nil || n != 0 || x.want != nil && !errors.Is(err, x.want) {
			t.Errorf("%s: session %d, error %v", x.name, n, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: it took %v to say so", x.name, took)
		}
	}
	if len(a.losses) > 0 {
		t.Error("a session that never was is lost")
	}
	if _, err := New(bare, Config{}).Send(t.Context(), a.Self(), frame.Accept{}); !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("before Start: %v", err)
	}
}

// A peer that could not be dialled a moment ago is dialled again, whatever libp2p's backoff says.
func TestPeerThatComesBackIsReached(t *testing.T) {
	key := newKey(t)
	a, b := newNode(t, Config{}), newHost(t, libp2p.Identity(key))
	know(a.h, b)
	addr := b.Addrs()[0].String()
	b.Close()
	if _, err := a.Send(t.Context(), mpi.PeerID(b.ID().String()), frame.Accept{}); !errors.Is(err, frame.ErrUnreachable) {
		t.Fatalf("got %v", err)
	}
	c := newNode(t, Config{}, libp2p.Identity(key), libp2p.ListenAddrStrings(addr))
	a.mustSend(t, c, frame.Accept{ID: 1})
	c.frame(t)
}

func TestPolicy(t *testing.T) {
	nobody := func(mpi.PeerID) bool { return false }
	open, closed := pair(t, Config{}, Config{Admit: nobody})
	for _, x := range [][2]*node{{open, closed}, {closed, open}} {
		if _, err := x[0].Send(t.Context(), x[1].Self(), frame.Accept{}); !errors.Is(err, frame.ErrRefused) {
			t.Errorf("send: %v, want refused", err)
		}
	}
	if len(open.losses)+len(closed.losses)+len(open.frames)+len(closed.frames) > 0 {
		t.Error("something came through")
	}
}

func TestParsePeer(t *testing.T) {
	const id = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
	pid, err := peer.Decode(id)
	if err != nil {
		t.Fatal(err)
	}
	tr := New(newHost(t), Config{})
	for _, s := range []string{id, peer.ToCid(pid).String(), "/p2p/" + id, "/ip4/1.2.3.4/tcp/4001/p2p/" + id, "/ipfs/" + id} {
		if got, err := tr.ParsePeer(s); err != nil || got != id {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "x", "/", "/ip4/1.2.3.4/tcp/4001", "/p2p/x", string(program), fmt.Sprintf("%0300d", 0)} {
		if got, err := tr.ParsePeer(s); err == nil {
			t.Errorf("%q: taken as %s", s, got)
		}
	}
}
