package p2p

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

const (
	readBuffer     = 16 << 10
	receiverMemory = readBuffer + 64<<10 // and a frame of the size that is read without asking
	// packetBuffer is kept for each session of jobs: enough for the largest Packets.
	packetBuffer = frame.MaxPackets + 1<<10

	// silence is how long a receiver waits for a sender that says nothing at all. A sender that
	// lives pings well within it.
	silence = 2 * time.Minute
	// lifeSign is how often a receiver repeats its Ack while something comes, at most.
	lifeSign = 200 * time.Millisecond
	// ackFrames is how many frames are acknowledged at once, at the latest.
	ackFrames = 512
)

// receipt is the receiver's work on one stream: run reads it, acker writes to it.
type receipt struct {
	t    *Transport
	s    *stream
	in   *inbound
	from mpi.PeerID

	last  atomic.Uint64 // as in.last, for acker
	pong  atomic.Bool   // owed
	alive atomic.Bool   // an Ack is owed even if it says nothing new
	ended atomic.Uint32 // the CloseReason to say goodbye with, 0 for none
	stale atomic.Bool   // a newer stream has come
	armed atomic.Bool   // acker knows that an Ack is owed

	// Of the goroutine that reads.
	putOff bool      // Read puts off the read deadline
	until  time.Time // the read deadline that it has set
	signed time.Time // when it last had an Ack repeated as a sign of life

	soon chan struct{} // holds one: an Ack is owed, within Config.AckDelay
	now  chan struct{} // holds one: something is to be written at once
	quit chan struct{} // closed by run when it ends
	done chan struct{} // closed when acker has ended
	gone chan struct{} // closed when the handler has ended
}

func newReceipt(t *Transport, s *stream, in *inbound, from mpi.PeerID) *receipt {
	return &receipt{
		t: t, s: s, in: in, from: from,
		soon: make(chan struct{}, 1),
		now:  make(chan struct{}, 1),
		quit: make(chan struct{}),
		done: make(chan struct{}),
		gone: make(chan struct{}),
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// bye ends the session from the receiver's side, without waiting.
func (r *receipt) bye(why wire.CloseReason) {
	r.ended.CompareAndSwap(0, uint32(why))
	signal(r.now)
}

// welcome answers Open. last is the last number taken of the session.
func (r *receipt) welcome(last uint64) bool {
	frame := wire.AppendWelcome(nil, wire.Welcome{
		Receiver: r.t.incarnation,
		Last:     last,
		Window:   uint64(r.t.cfg.Window),
		MaxFrame: uint64(r.t.cfg.MaxFrame),
	})
	if _, err := r.s.Write(frame); err != nil {
		return false
	}
	return true
}

// run reads the stream to its end, with the gate held.
func (r *receipt) run() {
	r.t.wg.Go(r.acker)
	err := r.read()
	var f *fatalError
	switch {
	case err == nil: // the peer said Close
		r.t.ins.kill(r.in)
	case errors.As(err, &f):
		r.t.cfg.Log.Warn("session refused", "peer", r.from, "why", err)
		r.t.ins.kill(r.in)
		r.s.ResetWithError(network.StreamProtocolViolation)
	default:
		r.t.cfg.Log.Debug("stream of a peer's session broken", "peer", r.from, "why", err)
		r.s.Reset()
	}
	close(r.quit)
	<-r.done
	r.s.Close()
}

// Read reads the stream. Once the session is open it lets the sender be silent for silence from
// now on, also in the middle of a frame: in a burst every read may end there.
func (r *receipt) Read(b []byte) (int, error) {
	if r.putOff && r.ended.Load() == 0 {
		if now := time.Now(); r.until.Sub(now) < silence*3/4 {
			r.until = now.Add(silence)
			r.s.SetReadDeadline(r.until)
		}
	}
	n, err := r.s.Read(b)
	if r.putOff && n > 0 {
		r.signOfLife()
	}
	return n, err
}

// signOfLife repeats the last Ack now and then while something comes, be it a part of a frame.
func (r *receipt) signOfLife() {
	if now := time.Now(); now.Sub(r.signed) > lifeSign {
		r.signed = now
		r.alive.Store(true)
		signal(r.now)
	}
}

// read gives frames to the receiver until the stream ends. nil means that the peer said Close.
func (r *receipt) read() error {
	var size, frames int // since the last Ack that was called for
	r.putOff = true
	r.signOfLife() // of what came before, which made the stream the session's
	for {
		fresh := r.s.frames.Buffered() == 0
		typ, payload, err := r.s.frames.Next()
		if err != nil {
			if errors.Is(err, wire.ErrMalformed) {
				return violation("%w", err)
			}
			return hungUp(err)
		}
		switch typ {
		case wire.TypeData:
			if fresh {
				r.t.turn(r.from)
			}
			if err := r.take(payload); err != nil {
				return err
			}
			r.s.drop()
			size += len(payload)
			frames++
			if size >= r.t.cfg.Window/4 || frames >= ackFrames {
				size, frames = 0, 0
				signal(r.now)
			} else if r.armed.CompareAndSwap(false, true) {
				signal(r.soon)
			}
		case wire.TypePing:
			if err := wire.ParseEmpty(typ, payload); err != nil {
				return violation("%w", err)
			}
			r.pong.Store(true)
			signal(r.now)
		case wire.TypeClose:
			if _, err := wire.ParseClose(payload); err != nil {
				return violation("%w", err)
			}
			return nil
		default:
			return violation("%s is not for a sender to send", typ)
		}
	}
}

// take gives one frame to the receiver, unless it has been given before.
func (r *receipt) take(payload []byte) error {
	seq, body, err := wire.ParseData(payload)
	if err != nil {
		return violation("%w", err)
	}
	switch last := r.in.last.Load(); {
	case seq <= last:
		return nil
	case seq > last+1:
		return violation("frame %d follows frame %d", seq, last)
	}
	if wire.OfJob(body) != r.t.forJobs() {
		return violation("%s is not a kind of %s", wire.Kind(body[0]), r.t.cfg.Protocol)
	}
	if (wire.Since22(body) || wire.Since11(body)) && r.s.Protocol() != r.t.cfg.Protocol {
		return violation("%s is not of %s", wire.Kind(body[0]), r.s.Protocol())
	}
	f, err := wire.ParseMessage(body)
	if err == nil {
		err = r.t.canon.checkFrame(f)
	}
	if err != nil {
		return violation("%w", err)
	}
	r.t.receiver.Receive(r.from, owned(f))
	r.in.last.Store(seq)
	r.last.Store(seq)
	return nil
}

// owned copies the Data of frames that their receiver may keep. That of Packets stays in the buffer
// that is used again.
func owned(f frame.Frame) frame.Frame {
	switch f := f.(type) {
	case frame.Output:
		f.Data = bytes.Clone(f.Data)
		return f
	case frame.Input:
		f.Data = bytes.Clone(f.Data)
		return f
	case frame.FileChunk:
		f.Data = bytes.Clone(f.Data)
		return f
	}
	return f
}

// acker writes acknowledgements, Pongs and the Close, so that reading never waits for a peer that
// does not read.
func (r *receipt) acker() {
	defer close(r.done)
	var acked uint64
	buf := make([]byte, 0, 64)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for quit := false; !quit; {
		select {
		case <-r.soon:
			timer.Reset(r.t.cfg.AckDelay)
			continue
		case <-timer.C:
		case <-r.now:
		case <-r.quit:
			quit = true
		}
		r.armed.Store(false)
		buf = buf[:0]
		if last := r.last.Load(); last > acked || r.alive.Swap(false) {
			acked = last
			buf = wire.AppendAck(buf, last)
		}
		if r.pong.Swap(false) {
			buf = wire.AppendPong(buf)
		}
		why := r.ended.Load()
		if why != 0 {
			buf = wire.AppendClose(buf, wire.Close{Reason: wire.CloseReason(why)})
		}
		if len(buf) > 0 && r.write(buf) != nil {
			r.s.Reset()
			return
		}
		if why != 0 {
			r.part()
			return
		}
	}
}

func (r *receipt) write(b []byte) error {
	r.s.SetWriteDeadline(time.Now().Add(r.t.cfg.PingTimeout))
	_, err := r.s.Write(b)
	return err
}

// patientHold reserves memory for a frame. While there is none it waits, for at most PingTimeout,
// and reads nothing from the peer meanwhile.
func (r *receipt) patientHold(n int) error {
	end := time.Now().Add(r.t.cfg.PingTimeout)
	for {
		err := r.s.hold(n)
		if err == nil || r.stale.Load() || time.Now().After(end) {
			return err
		}
		select {
		case <-r.t.ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// part ends the stream after a Close of ours. Reading ends with it.
func (r *receipt) part() {
	r.s.CloseWrite()
	r.s.SetReadDeadline(time.Now().Add(r.t.cfg.HandshakeTimeout))
}
