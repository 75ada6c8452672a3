package p2p

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// open brings up a new session, in at most three tries: the connection may have been dead without
// anybody knowing, or the handshake broke off because both peers dialled at once.
func (o *outbound) open(ctx context.Context) (*stream, error) {
	ctx, cancel := context.WithTimeout(ctx, o.t.cfg.DialTimeout)
	defer cancel()
	for try := 0; ; try++ {
		s, err := o.connect(ctx, false)
		if err == nil {
			o.t.cfg.Log.Debug("session open", "peer", o.name)
			return s, nil
		}
		if fatal(err) || try == 2 || ctx.Err() != nil {
			return nil, err
		}
		o.t.pause(ctx)
	}
}

// pause waits before a dial that failed is tried again, for a time that two peers seldom share.
func (t *Transport) pause(ctx context.Context) {
	backoff.Sleep(ctx, retries.First+rand.N(retries.First)) // whoever calls it looks at ctx
}

// connect opens a stream and exchanges Open and Welcome.
func (o *outbound) connect(ctx context.Context, again bool) (*stream, error) {
	if !o.t.cfg.Admit(o.name) {
		return nil, &fatalError{err: fmt.Errorf("%w: this node's own policy does not admit it", frame.ErrRefused)}
	}
	s, err := o.t.newStream(ctx, o.peer, o.t.protocol(o.peer), again, senderMemory)
	if errors.Is(err, frame.ErrVersion) { // what it speaks is known now
		if older := o.t.protocol(o.peer); older != o.t.cfg.Protocol {
			s, err = o.t.newStream(ctx, o.peer, older, again, senderMemory)
		}
	}
	if err != nil {
		return nil, err
	}
	s.frames = wire.NewReader(s, ackBuffer, wire.MaxControl)
	if err := o.shake(ctx, s); err != nil {
		s.Reset()
		s.release()
		return nil, err
	}
	return s, nil
}

func (o *outbound) shake(ctx context.Context, s *stream) error {
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	o.mu.Lock()
	hail := wire.Open{Session: o.id, Sender: o.t.incarnation, Receiver: o.remote, First: o.first}
	o.mu.Unlock()
	typ, payload, err := s.ask(wire.AppendOpen(nil, hail))
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return o.t.unanswered(s, err)
	}
	switch typ {
	case wire.TypeWelcome:
		w, err := wire.ParseWelcome(payload)
		if err != nil {
			return violation("%w", err)
		}
		if !stop() {
			return ctx.Err() // the stream is being reset
		}
		return o.begin(s, w)
	case wire.TypeReject:
		r, err := wire.ParseReject(payload)
		if err != nil {
			return violation("%w", err)
		}
		return rejected(r.Code)
	}
	return violation("%s is no answer to Open", typ)
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
