package p2p

import (
	"errors"
	"time"
)

// stillness counts for how long nothing has come from a peer, as far as this node could have heard
// it: not while this process was stopped, whatever the clocks say afterwards.
type stillness struct {
	spent time.Duration
	at    time.Time // up to which it is counted
}

// counted is what a count of a [stillness] gives.
type counted struct{ spent, added time.Duration }

// count adds the time since the last count, or most if it is less.
func (s *stillness) count(most time.Duration) counted {
	now := time.Now()
	added := min(now.Sub(s.at), most)
	s.spent += added
	s.at = now
	return counted{s.spent, added}
}

func (s *stillness) end() { *s = stillness{at: time.Now()} }

// countSilence adds to the time for which nothing has come.
func (o *outbound) countSilence(most time.Duration) counted {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.still.count(most)
}

// startSilence has the time of a silence counted. It began a while ago, when the peer did not
// answer, or now that the stream is gone; or before, if nothing has come on this stream at all. mu
// is held.
func (o *outbound) startSilence(ago time.Duration) {
	if o.heard {
		o.still = stillness{spent: ago, at: time.Now()}
		return
	}
	o.still.count(o.patience())
}

// lastHeard is when something has come from the peer, or when the session was begun.
func (o *outbound) lastHeard() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.still.at.Add(-o.still.spent)
}

// hush tells the receiver of a silence, once. Only searches call it, one at a time.
func (o *outbound) hush(since time.Time, why error) {
	if !o.hushed.Swap(true) {
		o.t.cfg.Log.Info("peer is silent: dialling it anew", "peer", o.name, "why", why)
		o.t.silent(o.name, since, why)
		o.mu.Lock()
		ended := o.state == over
		o.mu.Unlock()
		if ended { // by another goroutine: Lost may have come before, and would end no silence
			o.t.heardFrom(o.name)
		}
	}
}

// hears notes that something has come from the peer. Only listen calls it.
func (o *outbound) hears() {
	o.mu.Lock()
	o.still.end()
	o.mu.Unlock()
	if o.hushed.Swap(false) {
		o.t.cfg.Log.Info("peer is heard again", "peer", o.name)
		o.t.heardFrom(o.name)
	}
}

// errMoved means that a session has left a stream for a better one.
var errMoved = errors.New("the session has moved to another stream")

// endure waits for something to come on a stream that is silent, while a search goes on beside it.
// The search is left to run if it found something, or if the stream breaks.
func (o *outbound) endure(s *stream, why error) error {
	o.mu.Lock()
	o.enduring = true
	_, timeout := o.t.pings(o.name)
	o.startSilence(timeout)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		o.enduring = false
		o.mu.Unlock()
	}()
	s.SetReadDeadline(time.Time{})
	q := o.search(s, why)
	o.hush(q.since, why)
	o.pursuit = q
	if err := s.frames.Wait(); err != nil {
		return hungUp(err)
	}
	if q.stop() {
		return errMoved
	}
	o.pursuit = nil
	return nil
}
