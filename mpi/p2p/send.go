package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// message is a frame's message with room before it for the head of a Data frame: one write takes
// both.
type message []byte

// headroom is enough for the head of any Data frame: a length of 31 bits, the type and a number
// of 64.
const headroom = 5 + 1 + 10

func (m message) size() int { return len(m) - headroom }

func (m message) kind() wire.Kind { return wire.Kind(m[headroom]) }

// frame puts the head in front of the message.
func (m message) frame(seq uint64) entry {
	var buf [headroom]byte
	head := wire.AppendDataHead(buf[:0], seq, m.size())
	at := headroom - len(head)
	copy(m[at:], head)
	return entry{m, at}
}

// entry is a message with the head of a Data frame in front of it, never changed until it is
// acknowledged.
type entry struct {
	buf message
	at  int // where the frame begins
}

func (e entry) frame() []byte { return e.buf[e.at:] }

// length is that of the frame as it states it.
func (e entry) length() int {
	n, _ := binary.Uvarint(e.frame())
	return int(n)
}

// encode is what Send and Post do first. It copies Data, so the caller may change it afterwards.
func (t *Transport) encode(f frame.Frame) (message, error) {
	if err := t.canon.checkFrame(f); err != nil {
		return nil, err
	}
	m, err := wire.AppendMessage(t.memory.get(headroom + sizeHint(f))[:headroom], f)
	if err == nil && wire.OfJob(m[headroom:]) != t.forJobs() {
		err = fmt.Errorf("p2p: a %T is not a frame of %s", f, t.cfg.Protocol)
	}
	return m, err
}

func (t *Transport) forJobs() bool { return strings.HasPrefix(string(t.cfg.Protocol), jobFamily) }

func sizeHint(f frame.Frame) int {
	switch f := f.(type) {
	case frame.Packets:
		return 32 + len(f.Data)
	case frame.Deliver:
		return 64 + len(f.Request.Origin) + len(f.Program) + len(f.Data)
	case frame.Done:
		return 32 + 256*len(f.Failures)
	case frame.Output:
		return 128 + len(f.Data)
	case frame.Input:
		return 128 + len(f.Data)
	case frame.FileChunk:
		return 192 + len(f.Name) + len(f.Data)
	}
	return 128
}

// Send implements [frame.Transport]. Where nothing else is being written to the peer it writes the
// frame itself, which it may not break off when ctx ends. It must not be called from Receive, nor
// by what Receive waits for.
func (t *Transport) Send(ctx context.Context, to mpi.PeerID, f frame.Frame) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m, err := t.encode(f)
	if err != nil {
		return 0, err
	}
	for {
		o, err := t.outbound(to)
		if err != nil {
			return 0, fmt.Errorf("p2p: send to %s: %w", to, err)
		}
		session, err := o.send(ctx, m)
		if err == errOver {
			continue // it ended before the frame was in it: a new one may do better
		}
		return session, err
	}
}

// Post implements [frame.JobTransport].
func (t *Transport) Post(to mpi.PeerID, f frame.Frame, failed func(error)) {
	m, err := t.encode(f)
	if err == nil {
		err = t.post(to, m, failed)
	}
	if err != nil {
		t.enterGo(func() { failed(fmt.Errorf("p2p: send to %s: %w", to, err)) })
	}
}

func (t *Transport) post(to mpi.PeerID, m message, failed func(error)) error {
	for {
		o, err := t.outbound(to)
		if err != nil || o.post(m, failed) {
			return err
		}
	}
}

// Forget implements [frame.JobTransport].
func (t *Transport) Forget(to mpi.PeerID, job [16]byte) {
	for {
		t.mu.RLock()
		o := t.outs[to]
		t.mu.RUnlock()
		if o == nil || o.forget(job) {
			return
		}
	}
}

// enterGo runs f in a goroutine of its own, unless Close has begun.
func (t *Transport) enterGo(f func()) {
	if t.enter() {
		go func() { // counted by enter
			defer t.wg.Done()
			f()
		}()
	}
}

// unsent is the error of a Send whose frame was not sent because of why.
func unsent(why error) error {
	if errors.Is(why, frame.ErrUnreachable) || errors.Is(why, frame.ErrRefused) {
		return why
	}
	return fmt.Errorf("%w: %w", frame.ErrUnreachable, why)
}
