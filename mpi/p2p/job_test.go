package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// jobPair is two nodes with transports of jobs that know of each other.
func jobPair(t testing.TB) (*node, *node) { return pair(t, ForJobs(Config{}), ForJobs(Config{})) }

// numbered is a frame that says which it is and is full of that.
func numbered(n, size int) frame.Packets {
	k := frame.Packets{Data: make([]byte, 8+size)}
	for i := 0; i+8 <= len(k.Data); i += 8 {
		binary.LittleEndian.PutUint64(k.Data[i:], uint64(n))
	}
	return k
}

func numberOf(k frame.Packets) uint64 { return binary.LittleEndian.Uint64(k.Data) }

func isNumbered(k frame.Packets) error {
	for i := 0; i+8 <= len(k.Data); i += 8 {
		if v := binary.LittleEndian.Uint64(k.Data[i:]); v != numberOf(k) {
			return fmt.Errorf("packet %d has %d in it", numberOf(k), v)
		}
	}
	return nil
}

// Packets of all sizes, from Send and Post in turns, arrive once, in order and whole, though the
// connection breaks again and again: buffers that are used again are not used too soon. The
// caller's own is free at once.
func TestPacketsSurviveBrokenConnections(t *testing.T) {
	x, y := jobPair(t)
	const count = 400
	done := make(chan struct{})
	next := uint64(1)
	y.hook = func(_ mpi.PeerID, f frame.Frame) {
		k := f.(frame.Packets)
		if numberOf(k) != next {
			t.Errorf("packet %d came, want %d", numberOf(k), next)
		}
		if err := isNumbered(k); err != nil {
			t.Error(err)
		}
		if next++; next > count {
			close(done)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= count; n++ {
		k := numbered(n, []int{0, 8, 1 << 10, 64 << 10, 256 << 10}[r.IntN(5)])
		if r.IntN(4) == 0 {
			x.Post(y.Self(), k, func(err error) { t.Error(err) })
		} else if _, err := x.Send(ctx, y.Self(), k); err != nil {
			t.Fatal(err)
		}
		clear(k.Data)
		if n%57 == 0 {
			sever(x.h, y.h.ID())
		}
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("not all packets came")
	}
}

// Many senders at once share the stream.
func TestSendersTakeTurns(t *testing.T) {
	x, y := jobPair(t)
	const senders, each = 8, 200
	var mu sync.Mutex
	last := map[byte]uint64{}
	done := make(chan struct{})
	total := 0
	y.hook = func(_ mpi.PeerID, f frame.Frame) {
		k := f.(frame.Packets)
		mu.Lock()
		defer mu.Unlock()
		from := k.Job[0]
		if last[from]++; numberOf(k) != last[from] {
			t.Errorf("packet %d of sender %d came, want %d", numberOf(k), from, last[from])
		}
		if err := isNumbered(k); err != nil {
			t.Error(err)
		}
		if total++; total == senders*each {
			close(done)
		}
	}
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				k := numbered(n, 1<<(n%17))
				k.Job[0] = byte(s)
				if _, err := x.Send(t.Context(), y.Self(), k); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("not all packets came")
	}
}

// A Post that cannot be sent says so, from another goroutine.
func TestPostFails(t *testing.T) {
	x, _ := jobPair(t)
	stranger := newHost(t)
	stranger.Close()
	failed := make(chan error, 3)
	to := mpi.PeerID(stranger.ID().String())
	x.Post(to, numbered(1, 0), func(err error) { failed <- err })
	x.Post("nobody", numbered(1, 0), func(err error) { failed <- err })
	x.Post(to, frame.Accept{}, func(err error) { failed <- err }) // no frame of a job
	for range 3 {
		select {
		case err := <-failed:
			if err == nil {
				t.Error("failed without an error")
			}
		case <-time.After(patience):
			t.Fatal("nobody was told")
		}
	}
}

// A peer that asks and takes no answer is not kept answers for without end: its session ends, and
// those who posted hear why.
func TestPostsAreBounded(t *testing.T) {
	x := newNode(t, ForJobs(Config{}))
	m := newMute(t)
	m.h.SetStreamHandler(JobProtocol, m.handle)
	know(x.h, m.h)
	to := mpi.PeerID(m.h.ID().String())
	if _, err := x.Send(t.Context(), to, numbered(1, 0)); err != nil { // the session is up
		t.Fatal(err)
	}
	glut := make(chan error, 1)
	k := frame.Output{Job: mpi.JobID{Origin: x.Self()}, Data: make([]byte, 16<<10)}
	for range maxPosted/len(k.Data) + wire.MinWindow/len(k.Data) {
		x.Post(to, k, func(err error) {
			select {
			case glut <- err:
			default:
			}
		})
	}
	x.loss(t)
	if err := <-glut; !errors.Is(err, errGlut) || !errors.Is(err, frame.ErrUnreachable) {
		t.Errorf("a Post too many: %v", err)
	}
}

// A watched peer that is there and says nothing is missed within a second, and lost after the
// grace; so is one that hangs up and cannot be dialled.
func TestWatchedPeerIsLostSoon(t *testing.T) {
	for name, vanish := range map[string]func(m *mute){
		"silent": func(*mute) {},
		"gone":   func(m *mute) { m.h.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			x := newNode(t, ForJobs(Config{Grace: 600 * time.Millisecond}))
			m := newMute(t)
			m.h.SetStreamHandler(JobProtocol, m.handle)
			know(x.h, m.h)
			to := mpi.PeerID(m.h.ID().String())
			stop := x.Watch(to, 0)
			defer stop()
			if _, err := x.Send(t.Context(), to, numbered(1, 0)); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			vanish(m)
			x.loss(t)
			// 1.6 s on a machine with time to spare; unwatched, 15.6
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("lost after %v", d)
			}
		})
	}
}

// Watching begins for a session that is idle at once, not when its next ping is due.
func TestWatchHurries(t *testing.T) {
	cfg := ForJobs(Config{PingEvery: 20 * time.Second, Grace: 600 * time.Millisecond})
	x := newNode(t, cfg)
	m := newMute(t)
	m.h.SetStreamHandler(JobProtocol, m.handle)
	know(x.h, m.h)
	to := mpi.PeerID(m.h.ID().String())
	if _, err := x.Send(t.Context(), to, numbered(1, 0)); err != nil {
		t.Fatal(err)
	}
	defer x.Watch(to, 0)()
	start := time.Now()
	x.loss(t)
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("lost after %v", d)
	}
}

// What belongs to the other protocol breaks this one.
func TestFramesOfTheOtherProtocol(t *testing.T) {
	for _, x := range []struct {
		proto Config
		f     frame.Frame
	}{
		{ForJobs(Config{}), frame.Accept{ID: 1}},
		{Config{}, numbered(1, 0)},
		{Config{}, frame.Stop{Job: mpi.JobID{Origin: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"}}},
	} {
		y := newNode(t, x.proto)
		h := newHost(t)
		know(h, y.h)
		s, err := h.NewStream(t.Context(), y.h.ID(), y.cfg.Protocol)
		if err != nil {
			t.Fatal(err)
		}
		body, err := wire.AppendMessage(nil, x.f)
		if err != nil {
			t.Fatal(err)
		}
		s.Write(wire.AppendOpen(nil, wire.Open{Session: [16]byte{1}, Sender: [16]byte{2}, First: 1}))
		s.Write(wire.AppendData(nil, 1, body))
		s.SetReadDeadline(time.Now().Add(patience))
		r := wire.NewReader(s, 512, wire.MaxControl)
		for err == nil {
			_, _, err = r.Next()
		}
		var reset *network.StreamError
		if !errors.As(err, &reset) || reset.ErrorCode != network.StreamProtocolViolation {
			t.Errorf("%T on %s: %v", x.f, y.cfg.Protocol, err)
		}
	}
}
