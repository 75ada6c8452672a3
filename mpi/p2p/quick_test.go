package p2p

import (
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Queue takes what Send would not wait for, in the order of both, and Flush has it written.
func TestQueueAndFlush(t *testing.T) {
	a, b := pair(t, Config{}, Config{})
	if _, ok := a.Queue(b.Self(), frame.Accept{ID: 1}); ok {
		t.Fatal("a frame was queued without a session")
	}
	a.Flush(b.Self(), true) // nothing to do
	session := a.mustSend(t, b, frame.Accept{ID: 1})
	b.frame(t)
	if _, ok := a.Queue(b.Self(), frame.Output{}); ok {
		t.Error("a job's frame was queued")
	}
	const each = 500
	var wg sync.WaitGroup
	for who := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(each) {
				id := who*each + i
				if i%3 == 0 {
					a.mustSend(t, b, frame.Accept{ID: id})
					continue
				}
				if n, ok := a.Queue(b.Self(), frame.Accept{ID: id}); !ok || n != session {
					t.Errorf("frame %d: session %d, %v", id, n, ok)
				}
				a.Flush(b.Self(), who%2 == 0)
			}
		})
	}
	next := [4]uint64{}
	for range 4 * each {
		id := b.frame(t).(frame.Accept).ID
		if who := id / each; id%each != next[who] {
			t.Fatalf("frame %d of %d, want %d", id%each, who, next[who])
		} else {
			next[who]++
		}
	}
	wg.Wait()
}

// Queue waits for no credit, overtakes nobody who does, and Flush does not wait for a peer that
// reads nothing.
func TestQueueDoesNotWait(t *testing.T) {
	const window = 64 << 10
	a := newNode(t, Config{})
	b, release := stuck(t, Config{Window: window})
	know(a.h, b.h)
	a.mustSend(t, b, deliver(a, 0, 1<<10))
	n := uint64(1)
	for ; n <= 64; n++ {
		if _, ok := a.Queue(b.Self(), deliver(a, n, 1<<10)); !ok {
			break
		}
		a.Flush(b.Self(), true)
	}
	if n < 50 || n > 64 {
		t.Errorf("%d frames of 1 KiB went into a window of %d", n, window)
	}
	_, last := fill(t, t.Context(), a, b, 1<<10)
	if _, ok := a.Queue(b.Self(), frame.Accept{ID: 1}); ok {
		t.Error("a frame overtook one that waits for credit")
	}
	release()
	if err := <-last; err != nil {
		t.Error(err)
	}
	for id := range n {
		if got := b.frame(t).(frame.Deliver).ID; got != id {
			t.Fatalf("message %d, want %d", got, id)
		}
	}
}

// countedStream counts what is written.
type countedStream struct {
	network.Stream
	bytes int
}

func (s *countedStream) Write(b []byte) (int, error) {
	s.bytes += len(b)
	return len(b), nil
}

// Flush leaves a frame to the session's writer that a connection may take a while to send, and
// writes a small one.
func TestFlushWritesSmallFrames(t *testing.T) {
	for size, here := range map[int]bool{100: true, flushFrame - 1<<10: true, flushFrame: false, 48 << 10: false} {
		s := &countedStream{}
		o := newOutbound(New(newHost(t), Config{}), "", "peer")
		defer o.cancel()
		o.state, o.stream, o.window, o.maxFrame = up, &stream{Stream: s}, 1<<20, 1<<20
		if _, ok := o.enqueue(make(message, headroom+size)); !ok {
			t.Fatalf("%d bytes were not queued", size)
		}
		o.flush(true)
		if wrote := s.bytes > 0; wrote != here || wrote == (len(o.wake) > 0) {
			t.Errorf("%d bytes: %d were written, and the writer was woken %d times", size, s.bytes, len(o.wake))
		}
	}
}

// A frame that was queued as the session broke goes on with it, and none is queued after Close.
func TestQueueOutlivesAStream(t *testing.T) {
	a, b := pair(t, Config{}, Config{})
	a.mustSend(t, b, frame.Accept{ID: 0})
	b.frame(t)
	for id := uint64(1); id <= 20; id++ {
		if id%5 == 0 {
			sever(a.h, b.h.ID())
		}
		if _, ok := a.Queue(b.Self(), frame.Accept{ID: id}); !ok {
			t.Fatal("the session is gone")
		}
		a.Flush(b.Self(), true)
		if got := b.frame(t).(frame.Accept).ID; got != id {
			t.Fatalf("frame %d, want %d", got, id)
		}
	}
	a.stop(t)
	if _, ok := a.Queue(b.Self(), frame.Accept{ID: 1}); ok {
		t.Error("a frame was queued after Close")
	}
}

// A Post of packets, which its caller may write itself, does not wait for a peer that reads
// nothing, and all go in order.
func TestPostsOfPacketsDoNotWait(t *testing.T) {
	const most = 800 // more than the window has room for, with the large ones
	gate, came := make(chan struct{}), make(chan uint64, most+1)
	s := newSink()
	s.hook = func(_ mpi.PeerID, f frame.Frame) { <-gate; came <- numberOf(f.(frame.Packets)) }
	a, b := newNode(t, ForJobs(Config{})), startNode(t, newHost(t), ForJobs(Config{}), s)
	release := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	know(a.h, b.h)
	a.mustSend(t, b, numbered(0, 8))
	for n := 1; n <= most; n++ {
		size := 100
		if n%10 == 0 {
			size = 64 << 10
		}
		a.Post(b.Self(), numbered(n, size), func(err error) { t.Error(err) })
	}
	release()
	for n := range uint64(most + 1) {
		select {
		case got := <-came:
			if got != n {
				t.Fatalf("packet %d, want %d", got, n)
			}
		case <-time.After(patience):
			t.Fatalf("packet %d does not come", n)
		}
	}
}
