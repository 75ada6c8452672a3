package p2p

import (
	"context"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// retries are the pauses between attempts to get a broken session onto a new stream.
var retries = backoff.Policy{First: 50 * time.Millisecond, Max: 400 * time.Millisecond}

// run is the session's life: it opens it, writes to it, and resumes it until it is over.
func (o *outbound) run() {
	s, err := o.open(o.ctx)
	var r resumption
	for err == nil {
		cause := o.serve(s)
		heard, closing := o.breakOff()
		if fatal(cause) || closing || o.ctx.Err() != nil {
			err = cause
			break
		}
		o.t.cfg.Log.Debug("session broken", "peer", o.name, "why", cause)
		if heard || r.since.IsZero() {
			r = resumption{since: time.Now()}
		}
		s, err = o.resume(&r, cause)
	}
	o.over(err)
}

// resumption says since when a session has had no stream that works both ways, and how many times
// one was tried.
type resumption struct {
	since time.Time
	tries int
}

// resume brings the session onto a new stream, until the grace is over. The first try is made at
// once.
func (o *outbound) resume(r *resumption, cause error) (*stream, error) {
	grace := o.t.grace(o.name)
	ctx, cancel := context.WithDeadline(o.ctx, r.since.Add(grace))
	defer cancel()
	for ; ; r.tries++ {
		if r.tries > 0 {
			backoff.Sleep(ctx, retries.After(r.tries)) // ctx is looked at below
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: no way back to it within %v of grace: %w", frame.ErrSilent, grace, cause)
		}
		s, err := o.connect(ctx, true)
		if err == nil {
			r.tries++
			return s, nil
		}
		if fatal(err) {
			return nil, err
		}
		if ctx.Err() == nil {
			cause = err
			o.hush(r.since, cause)
		}
	}
}

// begin takes a Welcome: the session is up, on a fresh stream.
func (o *outbound) begin(s *stream, w wire.Welcome) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state == over:
		return context.Canceled
	case o.number == 0:
		if w.Last != 0 {
			return violation("it has frame %d of a session that has none", w.Last)
		}
		// Valued, not protected: any stranger can make us open a session, and one that is trimmed
		// is resumed.
		o.t.host.ConnManager().TagPeer(o.peer, o.tag(), sessionValue)
		o.state = up
		o.version = s.Protocol()
		o.number = o.t.opened()
		o.remote = w.Receiver
		o.window = int(min(w.Window, uint64(o.t.cfg.Window)))
		o.maxFrame = int(w.MaxFrame)
	case w.Receiver != o.remote:
		return errRestarted
	case w.Last+1 < o.first || w.Last > o.high:
		return violation("it has frame %d, and %d to %d are not acknowledged", w.Last, o.first, o.high)
	default:
		o.drop(w.Last)
		o.ping = true // its answer shows that the stream works both ways
	}
	o.sent = 0
	o.stream = s
	o.broken, o.heard = false, false
	o.grant()
	return nil
}

// breakOff notes that there is no stream. It reports whether the peer had said anything on it, and
// whether the session is to end rather than to be resumed.
func (o *outbound) breakOff() (heard, closing bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = true
	o.stream = nil
	return o.heard, o.closing
}

// hush tells the receiver of a silence, once. Only run calls it.
func (o *outbound) hush(since time.Time, why error) {
	if !o.hushed.Swap(true) {
		o.t.silent(o.name, since, why)
	}
}

// hears notes that something has come from the peer. Only listen calls it.
func (o *outbound) hears() {
	if o.hushed.Swap(false) {
		o.t.heardFrom(o.name)
	}
}
