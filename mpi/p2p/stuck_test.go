package p2p

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// A peer that reads nothing and repeats its last Ack does not hold the caller of a Send.
func TestHostilePeerThatOnlySpeaks(t *testing.T) {
	x := newNode(t, Config{PingEvery: 50 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	h := newHost(t)
	opened := make(chan struct{}, 64)
	h.SetStreamHandler(SessionProtocol, func(s network.Stream) {
		defer s.Reset()
		_, payload, err := wire.NewReader(s, 4096, wire.MinMaxFrame).Next()
		if err != nil {
			return
		}
		open, err := wire.ParseOpen(payload)
		if err != nil {
			return
		}
		say := wire.AppendWelcome(nil, wire.Welcome{
			Receiver: [16]byte{1}, Last: open.First - 1, Window: 4 << 20, MaxFrame: 4 << 20,
		})
		opened <- struct{}{}
		for ; ; time.Sleep(5 * time.Millisecond) {
			if _, err := s.Write(say); err != nil {
				return
			}
			say = wire.AppendAck(nil, open.First-1)
		}
	})
	know(x.h, h)
	sent := make(chan error, 1)
	go func() {
		var err error
		// within the credit, beyond what libp2p takes
		for id := uint64(1); id <= 3 && err == nil; id++ {
			_, err = x.Send(t.Context(), mpi.PeerID(h.ID().String()), deliver(x, id, 1<<20))
		}
		sent <- err
	}()
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("a Send waits for a peer that reads nothing")
	}
	for range 2 {
		select {
		case <-opened: // the second stream: the first one was given up
		case <-time.After(patience):
			t.Fatal("the stream was not given up")
		}
	}
}

// Posts of all sessions have one bound, and few in a session that has few.
func TestHostilePostsUnread(t *testing.T) {
	tr := New(newHost(t), ForJobs(Config{}))
	o := newOutbound(tr, tr.host.ID(), "peer")
	defer o.cancel()
	const others = maxAllPosted
	tr.posted.Add(others)
	posts := 0
	var order []int
	done := make(chan struct{})
	for ; !o.glutted; posts++ {
		m, err := tr.encode(frame.Output{Job: mpi.JobID{Origin: tr.Self()}, Data: make([]byte, 1<<10)})
		if err != nil {
			t.Fatal(err)
		}
		n := posts
		if !tr.enter() { // as the session's own goroutine is
			t.Fatal("closed")
		}
		o.post(m, func(error) {
			if order = append(order, n); n == 0 {
				close(done)
			}
		})
		tr.wg.Done()
		if posts > maxPosted>>10 {
			t.Fatal("they are not bounded")
		}
	}
	if posts < leastPosted>>11 || posts > leastPosted>>10 {
		t.Errorf("%d Posts of 1 KiB wait beside those of the others", posts)
	}
	tr.wg.Wait() // the one too many
	order = nil
	tr.enter()
	o.end(errGlut)
	tr.wg.Done()
	<-done
	tr.wg.Wait()
	for i, n := range order { // one goroutine for all
		if i != n {
			t.Fatalf("Post %d is told as number %d", n, i)
		}
	}
	if n := tr.posted.Load(); n != others || len(order) != posts-1 {
		t.Errorf("%d bytes are counted after the end, want %d; %d of %d were told", n, int64(others), len(order), posts-1)
	}
}

// Packets of a job that is gone are not kept for a peer that takes nothing; what waits behind them
// keeps its order.
func TestHostilePacketsUnread(t *testing.T) {
	x := newNode(t, ForJobs(Config{}))
	m := newMute(t)
	m.h.SetStreamHandler(JobProtocol, m.handle)
	know(x.h, m.h)
	to := mpi.PeerID(m.h.ID().String())
	if _, err := x.Send(t.Context(), to, numbered(1, 0)); err != nil { // the session is up
		t.Fatal(err)
	}
	x.mu.RLock()
	o := x.outs[to]
	x.mu.RUnlock()
	waiting := func() (jobs []byte) {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, w := range o.waiters {
			jobs = append(jobs, w.body[headroom+1])
		}
		return jobs
	}
	post := func(job byte) {
		x.Post(to, frame.Packets{Job: [16]byte{job}, Data: make([]byte, wire.MinWindow)}, func(error) {})
	}
	for range 10 { // jobs that come and go
		for range 4 {
			post(1)
		}
		x.Forget(to, [16]byte{1})
	}
	if jobs := waiting(); len(jobs) != 0 {
		t.Errorf("%d frames wait of a job that is gone", len(jobs))
	}
	for job := range byte(6) {
		post(job % 3)
	}
	x.Forget(to, [16]byte{1})
	x.Forget("nobody", [16]byte{1})
	if jobs := waiting(); !bytes.Equal(jobs, []byte{0, 2, 0, 2}) {
		t.Errorf("frames of the jobs %v wait", jobs)
	}
}

// slowStream gives a part every 40 s, and keeps to its read deadline.
type slowStream struct {
	network.Stream
	parts [][]byte
	until time.Time
}

func (s *slowStream) SetReadDeadline(t time.Time) error { s.until = t; return nil }

func (s *slowStream) Read(b []byte) (int, error) {
	time.Sleep(40 * time.Second)
	if time.Now().After(s.until) {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.parts[0])
	s.parts = s.parts[1:]
	return n, nil
}

// A sender that always has more to say is not taken for silent, though no read ever ends with a
// frame.
func TestBurstPutsOffTheReadDeadline(t *testing.T) {
	tr := New(newHost(t), ForJobs(Config{}))
	tr.receiver = newSink()
	synctest.Test(t, func(t *testing.T) {
		f := data(t, 1, frame.Packets{Data: make([]byte, 100)})
		parts := [][]byte{f[:50]}
		for seq := uint64(2); seq < 12; seq++ {
			next := data(t, seq, frame.Packets{Data: make([]byte, 100)})
			parts = append(parts, append(bytes.Clone(f[50:]), next[:50]...))
			f = next
		}
		s := &stream{Stream: &slowStream{parts: parts}}
		r := newReceipt(tr, s, &inbound{}, "peer")
		s.frames = wire.NewReader(r, readBuffer, 1<<20)
		s.frames.Keep = packetBuffer
		if err := r.read(); !errors.Is(err, io.ErrUnexpectedEOF) || r.in.last.Load() != 10 {
			t.Errorf("%d frames came, then: %v", r.in.last.Load(), err)
		}
	})
}
