package p2p

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// pause waits before a dial that failed is tried again, for a time that two peers seldom share.
func (t *Transport) pause(ctx context.Context) {
	backoff.Sleep(ctx, retries.First+rand.N(retries.First)) // whoever calls it looks at ctx
}

// connect opens a stream on a connection and exchanges Open and Welcome.
func (o *outbound) connect(ctx context.Context, c network.Conn) (*welcomed, error) {
	if !o.t.cfg.Admit(o.name) {
		return nil, &fatalError{err: fmt.Errorf("%w: this node's own policy does not admit it", frame.ErrRefused)}
	}
	begun := time.Now()
	s, err := o.t.streamOn(ctx, c, o.versions(), senderMemory)
	if err != nil {
		return nil, err
	}
	s.frames = wire.NewReader(s, ackBuffer, wire.MaxControl)
	w, err := o.shake(ctx, s)
	if err != nil {
		s.Reset()
		s.release()
		return nil, err
	}
	o.mu.Lock()
	o.rtt = time.Since(begun)
	o.mu.Unlock()
	return &welcomed{s, w}, nil
}

func (o *outbound) shake(ctx context.Context, s *stream) (w wire.Welcome, err error) {
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	o.mu.Lock()
	hail := wire.Open{Session: o.id, Sender: o.t.incarnation, First: o.first}
	if o.taken {
		hail.Receiver = o.remote
	}
	o.mu.Unlock()
	typ, payload, err := s.ask(wire.AppendOpen(nil, hail))
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return w, o.t.unanswered(s, err)
	}
	switch typ {
	case wire.TypeWelcome:
		if w, err = wire.ParseWelcome(payload); err != nil {
			return w, violation("%w", err)
		}
		if !stop() {
			return w, ctx.Err() // the stream is being reset
		}
		return w, nil
	case wire.TypeReject:
		r, err := wire.ParseReject(payload)
		if err != nil {
			return w, violation("%w", err)
		}
		return w, rejected(r.Code)
	}
	return w, violation("%s is no answer to Open", typ)
}

func rejected(code wire.RejectCode) error {
	switch code {
	case wire.RejectRefused:
		return told("%w: its policy does not admit this node", frame.ErrRefused)
	case wire.RejectUnknown:
		return told("the peer does not know the session any more")
	case wire.RejectBusy:
		return told("%w: it has no room for another session", frame.ErrUnreachable)
	case wire.RejectStopping:
		return told("%w: it is stopping", frame.ErrUnreachable)
	}
	return told("%w: it rejects the session with code 0x%02x", frame.ErrUnreachable, byte(code))
}
