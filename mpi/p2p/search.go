package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// retries are the pauses between attempts to get a broken session onto a new stream.
var retries = backoff.Policy{First: 50 * time.Millisecond, Max: 400 * time.Millisecond}

const (
	// dialYield is how much later than the lower peer ID the higher one dials, at least, where both
	// have lost the connection between them; maxYield is the most. Where both dial at once over TCP
	// with port reuse, the kernel may join the two into one connection with two TLS clients, which
	// fails.
	dialYield = 100 * time.Millisecond
	maxYield  = time.Second
	// hushAfter is how long a session has had no stream when the receiver is told of a silence.
	hushAfter = time.Second
	// maxFailures is how many attempts to open a new session fail, before the peer is unreachable.
	maxFailures = 3
)

// search looks for a new stream for one session: because there is none yet, because its stream has
// broken, or because nothing comes on its stream. In the last case the stream stays as it is until
// there is a better one, and the search is stopped when something comes on it.
//
// One attempt runs at a time. A connection on which nothing came is suspect: no attempt is made on
// it while its stream is there, nor later while there is another connection. It is closed once the
// peer has shown that it can be reached: by a new stream on another connection, or to the scout.
type search struct {
	o      *outbound
	fresh  bool // the session has no Welcome yet
	since  time.Time
	cancel context.CancelFunc
	ctx    context.Context

	broke     chan struct{} // closed by run of outbound: the silent stream is gone
	connected chan struct{} // holds one: there is another connection
	reached   chan struct{} // holds one: the scout has reached the peer
	refused   chan ma.Multiaddr
	results   chan result
	wg        sync.WaitGroup

	// Of run.
	beside   bool    // it goes on beside a silent stream, or did
	old      *stream // the silent one; nil if there is none any more
	suspects []network.Conn
	current  *attempt  // nil if none runs
	next     time.Time // of the next attempt
	idle     bool      // nothing is to be tried until something happens
	tries    int
	failures int           // attempts to open a new session that failed for good reasons
	lasted   time.Duration // not counting what this process slept
	open     bool          // the peer can be reached, and suspects stand in the way
	yielded  bool          // the peer was let dial first
	cause    error         // why the last attempt failed, or why the search was begun
	graves   graves

	// Set when done is closed.
	done chan struct{}
	got  *welcomed
	err  error
}

// welcomed is a stream on which the peer has answered an Open.
type welcomed struct {
	s *stream
	w wire.Welcome
}

// attempt is one try to get a stream: on a connection, or on one that it dials.
type attempt struct {
	conn      network.Conn
	suspect   bool
	cancel    context.CancelFunc
	committed atomic.Bool // an Open is on its way on a connection that is not suspect
}

type result struct {
	got *welcomed
	on  network.Conn // nil if none was had
	err error
}

var errNoAnswer = errors.New("no answer")

// search begins one. old is the stream on which nothing comes, nil if there is none.
func (o *outbound) search(old *stream, cause error) *search {
	q := &search{
		o: o, old: old, beside: old != nil, cause: cause, since: o.lastHeard(),
		broke: make(chan struct{}), connected: make(chan struct{}, 1), reached: make(chan struct{}, 1),
		refused: make(chan ma.Multiaddr), results: make(chan result, 1), done: make(chan struct{}),
	}
	if cause == nil {
		q.cause = errNoAnswer
	}
	o.mu.Lock()
	q.fresh = o.number == 0
	o.mu.Unlock()
	if old != nil {
		q.suspects = append(q.suspects, old.Conn())
	}
	q.ctx, q.cancel = context.WithCancel(o.ctx)
	o.t.wg.Go(q.run) // run of outbound is counted
	return q
}

// stop ends the search, and reports whether it had come to an end before.
func (q *search) stop() bool {
	q.cancel()
	<-q.done
	return q.got != nil || fatal(q.err)
}

func (q *search) run() {
	defer close(q.done)
	net := q.o.t.host.Network()
	n := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() == q.o.peer && !c.Stat().Limited {
			signal(q.connected)
		}
	}}
	net.Notify(n)
	defer net.StopNotify(n)
	if !q.fresh {
		q.wg.Go(q.scout)
	}
	q.loop()
	q.cancel()
	if q.current != nil {
		q.current.cancel()
	}
	q.wg.Wait()
	select {
	case r := <-q.results: // of an attempt that ended as the loop did
		if r.got != nil {
			r.got.s.Reset()
			r.got.s.release()
		}
	default:
	}
	if q.got != nil {
		q.moved(q.got.s.Conn())
	}
	if q.old != nil && (q.got != nil || q.o.ctx.Err() == nil && fatal(q.err)) {
		q.old.Reset() // its reader learns that it is over
	}
}

// step is how often the clock of a silence is read, at least.
const step = 250 * time.Millisecond

func (q *search) loop() {
	clock := time.NewTimer(0)
	defer clock.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	broke := q.broke
	for {
		q.start()
		if q.current == nil && !q.idle {
			retry.Reset(max(time.Until(q.next), 0))
		} else {
			retry.Stop()
		}
		select {
		case <-q.ctx.Done():
			q.err = q.ctx.Err()
			return
		case <-clock.C:
			wait, over := q.count()
			if over {
				return
			}
			clock.Reset(wait)
		case <-retry.C:
		case <-broke: // the connection did something: it is trusted again
			broke, q.old, q.suspects, q.next = nil, nil, nil, time.Time{}
		case <-q.connected:
			q.preempt()
		case <-q.reached:
			q.open = true
			q.preempt()
		case addr := <-q.refused:
			if q.bury(addr) {
				return
			}
		case r := <-q.results:
			q.current = nil
			if q.end(r) {
				return
			}
		}
	}
}

// preempt makes room for a better attempt: at once, if the one that runs is not on its way on a
// good connection.
func (q *search) preempt() {
	q.next = time.Time{}
	if q.current != nil && !q.current.committed.Load() {
		q.current.cancel()
	}
}

// count adds to the time of the silence. It reports in how much time to look again, and whether the
// grace is over.
func (q *search) count() (wait time.Duration, over bool) {
	o := q.o
	n := o.countSilence(2 * step)
	q.lasted += n.added
	grace := o.t.grace(o.name)
	switch {
	case q.fresh && q.relayedOnly():
		grace = o.t.cfg.DialTimeout
	case q.fresh:
		grace = max(grace, o.t.cfg.DialTimeout)
	}
	if n.spent >= grace {
		q.err = q.silent(grace)
		return 0, true
	}
	if q.lasted >= hushAfter && !q.fresh {
		o.hush(q.since, q.cause)
	}
	if q.lasted >= blindAfter && o.t.blind() && len(q.suspects) > 0 && !q.open {
		q.open = true
		q.preempt()
	}
	return min(step, grace-n.spent), false
}

// silent is why a session ends with its grace.
func (q *search) silent(grace time.Duration) error {
	err := fmt.Errorf("%w: no way to it within %v of grace: %w", frame.ErrSilent, grace, q.cause)
	if q.relayedOnly() {
		err = fmt.Errorf("%w: %w: %w", frame.ErrSilent, errRelayed, q.cause)
	}
	if q.fresh {
		err = unsent(err)
	}
	return &fatalError{err: err}
}

func (q *search) relayedOnly() bool {
	return q.o.t.host.Network().Connectedness(q.o.peer) == network.Limited
}

// conns are the connections to the peer that carry data, those that are suspect last, the newest
// first.
func (q *search) conns() (good, suspect []network.Conn) {
	for _, c := range slices.Backward(q.o.t.host.Network().ConnsToPeer(q.o.peer)) {
		switch {
		case c.IsClosed() || c.Stat().Limited:
		case slices.Contains(q.suspects, c):
			suspect = append(suspect, c)
		default:
			good = append(good, c)
		}
	}
	return good, suspect
}

// start begins an attempt if it is time for one.
func (q *search) start() {
	q.idle = false
	if q.current != nil || time.Now().Before(q.next) {
		return
	}
	good, suspect := q.conns()
	switch {
	case len(good) > 0:
		q.try(good[0], false)
	case q.open && q.yields(), len(suspect) == 0 && q.yields():
	case q.open || len(suspect) == 0:
		q.open = false
		q.try(nil, false, suspect...)
	case q.old == nil: // there is no other way, as to a peer that cannot be dialled
		q.try(suspect[0], true)
	default:
		q.idle = true // until something happens
	}
}

// yields puts off a dial once, where the peer's ID is lower: it may dial too.
func (q *search) yields() bool {
	if q.fresh || q.o.t.self < mpi.PeerID(q.o.peer.String()) {
		return false
	}
	if q.yielded {
		q.yielded = false
		return false
	}
	q.yielded = true
	q.next = time.Now().Add(min(max(dialYield, 3*q.o.roundTrip()), maxYield))
	return true
}

// try begins an attempt on a connection, or on one that it dials after it has closed those that
// stand in the way.
func (q *search) try(c network.Conn, suspect bool, close ...network.Conn) {
	limit := q.o.t.cfg.DialTimeout
	if c != nil && !suspect {
		limit = min(limit, shakeTimeout)
	}
	ctx, cancel := context.WithTimeout(q.ctx, limit)
	a := &attempt{conn: c, suspect: suspect, cancel: cancel}
	q.current = a
	q.wg.Go(func() {
		defer cancel()
		var r result
		if r.on = c; c == nil {
			r.on, r.err = q.dial(ctx, close)
		}
		if r.err == nil {
			a.committed.Store(!suspect)
			r.got, r.err = q.o.connect(ctx, r.on)
		}
		if r.err != nil && ctx.Err() == context.Canceled {
			r.err = context.Canceled
		}
		q.results <- r
	})
}

// shakeTimeout bounds an attempt on a connection that nobody has a reason to mistrust.
const shakeTimeout = 5 * time.Second

// end takes the result of an attempt, and reports whether the search is over.
func (q *search) end(r result) bool {
	switch {
	case r.err == nil:
		q.got = r.got
		return true
	case fatal(r.err):
		q.err = r.err
		return true
	case r.err == context.Canceled: // for a better one
		return false
	}
	q.cause = r.err
	q.tries++
	if timedOutOn(r.err) && r.on != nil && !slices.Contains(q.suspects, r.on) {
		if q.suspects = append(q.suspects, r.on); q.fresh && len(q.suspects) == 1 {
			q.wg.Go(q.scout)
		}
	}
	q.next = time.Now().Add(retries.After(q.tries) + rand.N(retries.First))
	if q.fresh && !transient(r.err) && !q.relayedOnly() {
		if q.failures++; q.failures == maxFailures {
			q.err = &fatalError{err: r.err}
			return true
		}
	}
	for _, addr := range refusedBy(r.err) {
		if q.bury(addr) {
			return true
		}
	}
	return false
}

// bury notes that an address refuses connections. It reports whether that ends the search: the
// peer's process is gone.
func (q *search) bury(addr ma.Multiaddr) bool {
	if q.fresh || !q.o.trusts(addr) || !q.graves.refused(q.lasted) {
		return false
	}
	q.err = &fatalError{err: fmt.Errorf("%w: %s refuses connections", frame.ErrGone, addr)}
	return true
}

// moved closes the connections on which nothing came, now that the session is on another.
func (q *search) moved(to network.Conn) {
	if q.beside {
		q.o.mu.Lock()
		q.o.moved = time.Now()
		q.o.mu.Unlock()
	}
	for _, c := range q.suspects {
		if c != to && !c.IsClosed() {
			q.o.t.wg.Go(func() { c.Close() }) // run is counted
		}
	}
}

// timedOutOn reports whether an attempt ended because nothing came.
func timedOutOn(err error) bool { return errors.Is(err, context.DeadlineExceeded) || timedOut(err) }
