package p2p

import (
	"context"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// run is the session's life: it opens it, writes to it, and resumes it until it is over.
func (o *outbound) run() {
	o.hears()
	s, err := o.resume(nil)
	for err == nil {
		cause := o.serve(s)
		closing := o.breakOff()
		if fatal(cause) || closing || o.ctx.Err() != nil {
			err = cause
			break
		}
		o.t.cfg.Log.Debug("session broken", "peer", o.name, "why", cause)
		s, err = o.resume(cause)
	}
	if o.pursuit != nil {
		o.pursuit.stop()
		o.pursuit.drop()
	}
	o.over(err)
}

// resume brings the session onto a new stream, within the grace. The search for it may be under way
// already.
func (o *outbound) resume(cause error) (*stream, error) {
	q := o.pursuit
	if q == nil {
		q = o.search(nil, cause)
	} else {
		close(q.broke)
	}
	o.pursuit = nil
	<-q.done
	if q.err != nil {
		return nil, q.err
	}
	if err := o.begin(q.got.s, q.got.w); err != nil {
		q.drop()
		return nil, err
	}
	return q.got.s, nil
}

// drop gives up what a search has found.
func (q *search) drop() {
	if q.got != nil {
		q.got.s.Reset()
		q.got.s.release()
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
		o.t.cfg.Log.Debug("session open", "peer", o.name)
	case w.Receiver != o.remote:
		return fmt.Errorf("%w", errRestarted)
	case w.Last > o.high:
		return violation("it has frame %d, and %d is the last that was sent", w.Last, o.high)
	default:
		o.taken = o.taken || w.Last > 0
		o.drop(w.Last) // the old stream may have brought acknowledgements of more
	}
	o.ping = true // makes the stream the session's, and its answer shows that it works both ways
	o.sent = 0
	o.stream = s
	o.broken, o.heard = false, false
	o.remember(s.Conn())
	o.grant()
	return nil
}

// breakOff notes that there is no stream. It reports whether the session is to end rather than to
// be resumed.
func (o *outbound) breakOff() (closing bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = true
	o.stream = nil
	o.startSilence(0)
	return o.closing
}
