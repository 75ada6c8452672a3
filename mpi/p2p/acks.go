package p2p

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// listen reads the receiver's frames from s until it breaks, and has a Ping sent when none come. A
// peer that goes on to speak and takes nothing is as good as gone: the write that waits for it
// would hold the caller of a Send, whatever its context says.
func (o *outbound) listen(s *stream) error {
	var p progress
	for {
		o.awaitLife(false)
		err := s.frames.Wait()
		if timedOut(err) {
			o.askForLife()
			if err = s.frames.Wait(); timedOut(err) {
				err = o.endure(s, fmt.Errorf("the peer said nothing for %v", o.patience()))
			}
		}
		if err != nil {
			return hungUp(err)
		}
		o.awaitLife(true)
		if limit := o.t.cfg.PingEvery + o.t.cfg.PingTimeout; o.stuckFor(&p, time.Now()) > limit {
			return fmt.Errorf("the peer has read nothing for %v", limit)
		}
		typ, payload, err := s.frames.Next()
		if err != nil {
			if errors.Is(err, wire.ErrMalformed) {
				return violation("%w", err)
			}
			return hungUp(err)
		}
		if err := o.hear(typ, payload); err != nil {
			return err
		}
	}
}

// progress is how far the writing was when it was last seen to go on.
type progress struct {
	writes uint64
	at     time.Time // zero for no write
}

// stuckFor is for how long a write has been seen to make no progress.
func (o *outbound) stuckFor(p *progress, now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.writing:
		*p = progress{}
	case p.at.IsZero() || p.writes != o.writes:
		*p = progress{o.writes, now}
	}
	if p.at.IsZero() {
		return 0
	}
	return now.Sub(p.at)
}

func hungUp(err error) error {
	if err == io.EOF {
		return errors.New("the peer closed the stream")
	}
	return err
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// askForLife has a Ping sent.
func (o *outbound) askForLife() {
	o.mu.Lock()
	o.ping = true
	o.mu.Unlock()
	o.awaitLife(true)
	o.kick()
}

// awaitLife sets the read deadline: for the answer to a Ping if asked, else for the next Ping.
func (o *outbound) awaitLife(asked bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = asked
	if o.stream != nil && !o.enduring {
		o.expect()
	}
}

// hear handles one frame from the receiver.
func (o *outbound) hear(typ wire.Type, payload []byte) error {
	o.hears()
	switch typ {
	case wire.TypeAck:
		seq, err := wire.ParseAck(payload)
		if err != nil {
			return violation("%w", err)
		}
		return o.acked(seq)
	case wire.TypePong:
		if err := wire.ParseEmpty(typ, payload); err != nil {
			return violation("%w", err)
		}
		o.mu.Lock()
		o.heard, o.taken = true, true
		o.mu.Unlock()
		return nil
	case wire.TypeClose:
		c, err := wire.ParseClose(payload)
		if err != nil {
			return violation("%w", err)
		}
		return told("the peer ended the session: %s", closeText(c.Reason))
	}
	return violation("%s is not for a receiver to send", typ)
}

func closeText(r wire.CloseReason) string {
	switch r {
	case wire.CloseStopping:
		return "it is stopping"
	case wire.CloseLost:
		return "its own session to this node was lost"
	case wire.CloseDenied:
		return "its policy does not admit this node any more"
	}
	return fmt.Sprintf("reason 0x%02x", byte(r))
}
