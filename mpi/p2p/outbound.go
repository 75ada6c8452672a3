package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// sessionValue is the weight that a session gives its connection in libp2p's connection manager.
const sessionValue = 50

// outbound is the sender's end of one session: its queue and its credit. What the credit lets in is
// in credit.go, what goes on its streams in sender.go, how it gets onto a new one
// in resume.go.
type outbound struct {
	t    *Transport
	peer peer.ID
	name mpi.PeerID
	id   [16]byte // the session's name on the wire

	ctx    context.Context // of run: ends with the session
	cancel context.CancelFunc
	wake   chan struct{} // holds one: there is something to write
	gone   chan struct{} // closed when the session has ended and the receiver knows

	// turn is set when frames of the peer have come since the last write: what is sent next may be
	// an answer that the peer waits for.
	turn atomic.Bool

	hushed atomic.Bool // the receiver knows of a silence

	// pursuit is the search for a new stream, beside one that is silent. Of run, and of listen
	// while that runs.
	pursuit *search

	mu       sync.Mutex // guards the fields below
	state    state
	version  protocol.ID // of the protocol, as the stream has it that began the session
	number   uint64      // what Send returns; 0 until the peer's first Welcome
	remote   [16]byte    // the peer's incarnation; zero as number is
	window   int         // bytes that may be in entries
	maxFrame int
	stream   *stream   // the current one, nil when there is none
	asked    bool      // the deadline of stream is that of the answer to a Ping
	writing  bool      // somebody writes to a stream: the writer, or a Send
	wroteAt  time.Time // when a write of frames last ended
	ackedAt  time.Time // when the last Ack came
	writes   uint64    // parts of frames written, at most batchBytes each
	from     uint64    // the first sequence number that is being written, while writing
	entries  []entry   // not acknowledged, in order
	queue    []entry   // the memory of entries from its beginning; its length is 0
	bytes    int       // lengths of entries, and in Transport.queued
	first    uint64    // sequence number of entries[0]
	sent     int       // of entries, those written to the current stream or about to be
	high     uint64    // the highest sequence number ever written
	waiters  []*waiter
	posted   int            // what the Posts among waiters cost, in bytes
	glutted  bool           // there was one more than maxPosted allows: the session has to end
	ping     bool           // to be written
	late     []*waiter      // Posts since the session is over, for the next one
	passed   bool           // they are the next one's: see Transport.succeed
	closing  bool           // Close once entries are written
	broken   bool           // there was a stream, and there is none
	heard    bool           // the peer has said anything on the current stream since its Welcome
	taken    bool           // the peer has the session, as an Ack, a Pong or a Welcome said
	enduring bool           // stream has no deadline: a search goes on beside it
	still    stillness      // of the peer
	moved    time.Time      // when the session last left a silent stream for another
	rtt      time.Duration  // from the opening of a stream to its Welcome, the last time
	where    ma.Multiaddr   // the other end of the last connection
	dialled  []ma.Multiaddr // addresses that were dialled for the session and answered
}

type state int

const (
	opening state = iota
	up            // with or without a stream
	over
)

// errOver means that a session ended before a frame came to it.
var errOver = errors.New("p2p: session over")

func newOutbound(t *Transport, id peer.ID, name mpi.PeerID) *outbound {
	o := &outbound{
		t: t, peer: id, name: name, first: 1,
		wake: make(chan struct{}, 1),
		gone: make(chan struct{}),
	}
	rand.Read(o.id[:]) // never fails
	o.ctx, o.cancel = context.WithCancel(t.ctx)
	return o
}

// send queues a frame once there is credit for it. Frames are queued in the order of the calls.
func (o *outbound) send(ctx context.Context, body message) (uint64, error) {
	o.mu.Lock()
	switch {
	case o.state == over:
		o.mu.Unlock()
		select {
		case <-o.gone: // so that the receiver knows before another session begins
			return 0, errOver
		case <-ctx.Done():
			return 0, fmt.Errorf("p2p: send to %s: %w", o.name, ctx.Err())
		}
	case o.closing:
		o.mu.Unlock()
		return 0, fmt.Errorf("p2p: send to %s: %w", o.name, errStopping)
	case o.state == up && len(o.waiters) == 0:
		if err := o.fits(body); err != nil {
			o.mu.Unlock()
			return 0, err
		}
		if o.room(body) {
			number := o.number
			o.push(body)
			if s := o.stream; s != nil && o.idle() {
				o.writeOne(s) // unlocks
				return number, nil
			}
			writing := o.writing
			o.mu.Unlock()
			if !writing { // else wrote kicks
				o.kick()
			}
			return number, nil
		}
	}
	w := &waiter{body: body, done: make(chan struct{})}
	o.waiters = append(o.waiters, w)
	o.mu.Unlock()

	select {
	case <-w.done:
	case <-ctx.Done():
		if o.leave(w) {
			return 0, fmt.Errorf("p2p: send to %s: %w", o.name, ctx.Err())
		}
		<-w.done
	}
	return w.session, w.err
}

// burst is the pause between two writes below which a Send leaves the second one to the session's
// writer, which takes all frames that are queued by then. An answer is written at once
// nevertheless.
const burst = 10 * time.Microsecond

// idle reports whether a Send may write the last entry itself. mu is held.
func (o *outbound) idle() bool { return o.idleFor(len(o.entries) - 1) }

// idleFor reports whether nothing is being written, nor waits for it, but the entries from the n-th
// on. mu is held.
func (o *outbound) idleFor(n int) bool {
	return !o.writing && o.sent == n && !o.ping && !o.closing && !o.enduring &&
		(o.turn.Swap(false) || time.Since(o.wroteAt) > burst)
}

// writeOne writes the last entry, the only one not yet written, from the caller's goroutine. mu is
// held, and writeOne unlocks it.
func (o *outbound) writeOne(s *stream) {
	frame := o.entries[o.sent].frame()
	o.sent++
	o.high = o.next() - 1
	o.writing, o.from = true, o.high
	o.mu.Unlock()
	if _, err := (steps{o, s}).Write(frame); err != nil {
		s.Reset() // the session's own goroutines see to the rest
	}
	o.wrote()
}

// wrote ends a write, so that others may write, and wakes the writer if there is more.
func (o *outbound) wrote() {
	o.mu.Lock()
	o.writing = false
	o.writes++
	o.wroteAt = time.Now()
	more := o.sent < len(o.entries) || o.ping || o.closing
	o.mu.Unlock()
	if more {
		o.kick()
	}
}

// post queues a frame without waiting. It is false if the session is over and the next one, if
// there is one, has what was posted before.
func (o *outbound) post(body message, failed func(error)) bool {
	o.mu.Lock()
	if s := o.postsNow(body); s != nil {
		o.push(body)
		o.writeOne(s) // unlocks
		return true
	}
	defer o.mu.Unlock()
	switch {
	case o.state == over && o.passed:
		return false
	case o.closing:
		return true
	case o.state == up && len(o.waiters) == 0 && o.fits(body) == nil && o.room(body):
		o.push(body)
		if !o.writing { // else wrote kicks
			o.kick()
		}
		return true
	}
	w := &waiter{body: body, failed: failed}
	if o.glutted || w.cost() > 0 && !o.mayPost(w.cost()) {
		o.glutted = true
		o.cancel()
		o.t.enterGo(func() { failed(fmt.Errorf("p2p: send to %s: %w", o.name, unsent(errGlut))) })
		return true
	}
	o.reserve(w.cost())
	if o.state == over {
		o.late = append(o.late, w)
		return true
	}
	o.waiters = append(o.waiters, w)
	o.grant()
	return true
}

// mayPost reports whether a Post that costs n may wait. mu is held.
func (o *outbound) mayPost(n int) bool {
	mine := o.posted + n
	return mine <= leastPosted || mine <= maxPosted && int(o.t.posted.Load())+n <= maxAllPosted
}

// reserve counts n bytes more of Posts that wait, or fewer if n is negative. mu is held.
func (o *outbound) reserve(n int) {
	o.posted += n
	o.t.posted.Add(int64(n))
}

// forget drops the Packets of a job that wait. It is false if the session is over and the next one
// has what was posted.
func (o *outbound) forget(job [16]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	of := func(w *waiter) bool {
		return w.done == nil && w.body.kind() == wire.KindPackets && [16]byte(w.body[headroom+1:]) == job
	}
	o.waiters = slices.DeleteFunc(o.waiters, of)
	o.late = slices.DeleteFunc(o.late, of)
	o.grant() // what waited behind them may fit
	return !o.passed
}

// kick wakes the writer. It needs no lock.
func (o *outbound) kick() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// acked takes an acknowledgement from the current stream.
func (o *outbound) acked(seq uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == over {
		return nil
	}
	o.heard, o.taken = true, true
	o.ackedAt = time.Now()
	if seq > o.high {
		return violation("it acknowledges frame %d, and %d is the last that was sent", seq, o.high)
	}
	o.drop(seq)
	o.grant()
	return nil
}

// shut ends the session when all that was queued is acknowledged. Without a stream it
// ends at once: the time of grace is not spent on a node that stops.
func (o *outbound) shut() {
	o.mu.Lock()
	o.closing = true
	idle := o.state == opening || o.broken || o.enduring
	o.mu.Unlock()
	if idle {
		o.cancel()
	}
	o.kick()
}

// hurry applies the ping interval of a peer that has become watched.
func (o *outbound) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stream != nil && !o.enduring {
		o.expect()
	}
}

// patience is after how much silence a search begins.
func (o *outbound) patience() time.Duration {
	every, timeout := o.t.pings(o.name)
	return every + timeout
}

// roundTrip is how long the peer took to answer the last Open.
func (o *outbound) roundTrip() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.rtt
}

// expect sets the read deadline of the stream: the time of the next Ping, or of its answer. mu is
// held.
func (o *outbound) expect() {
	every, timeout := o.t.pings(o.name)
	if o.asked {
		every = timeout
	}
	o.stream.SetReadDeadline(time.Now().Add(every))
}

func (o *outbound) tag() string { return string(o.t.cfg.Protocol) }

// end ends the session, once. It returns after [frame.Receiver.Lost].
func (o *outbound) end(why error) {
	o.mu.Lock()
	if o.state == over {
		o.mu.Unlock()
		<-o.gone
		return
	}
	number := o.number
	o.state = over
	waiters, ids := o.waiters, o.unsentDelivers()
	o.waiters, o.entries, o.queue = nil, nil, nil
	o.reserve(-o.posted)
	o.t.queued.Add(-int64(o.bytes))
	o.bytes = 0
	o.mu.Unlock()

	o.cancel()
	o.failAll(waiters, fmt.Errorf("p2p: send to %s: %w", o.name, unsent(why)))
	if number != 0 {
		o.t.host.ConnManager().UntagPeer(o.peer, o.tag())
		o.t.cfg.Log.Debug("session over", "peer", o.name, "session", number, "why", why)
		if r, ok := o.t.receiver.(frame.UnsentReceiver); ok && len(ids) > 0 {
			r.Unsent(o.name, ids)
		}
		o.t.receiver.Lost(o.name, number, why)
	}
	o.t.succeed(o)
	close(o.gone)
}
