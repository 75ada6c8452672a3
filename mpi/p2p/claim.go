package p2p

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// A stream has its Welcome before it is the session's. Only what its sender writes after the
// Welcome makes it that, for an Open may come late: on a connection that was stalled, of a session
// that its sender has given up, or of a try that another one has overtaken. Such an Open is
// followed by nothing. If it counted it would end the session that lives. Package
// test/sessionmodel shows that this rule suffices, and what happens without it.

// host finds out whether a stream may be welcomed: for a session that may be new, or for one that
// is known. It returns the last number taken of that. Nothing of the session changes.
func (n *inbounds) host(in *inbound, r *receipt, open wire.Open, self [16]byte) (last uint64, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	same := in.session == open.Session
	switch known := same && !in.dead; {
	case n.closing || same && in.dead:
		return 0, false
	case open.Receiver == [16]byte{}:
		ok = open.First == 1
	default:
		ok = known && open.Receiver == self && open.First <= in.last.Load()+1
	}
	if !ok {
		return 0, false
	}
	in.guests = append(in.guests, r)
	if same {
		last = in.last.Load()
	}
	return last, true
}

// unhost forgets a stream that was welcomed.
func (n *inbounds) unhost(in *inbound, r *receipt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in.guests = slices.DeleteFunc(in.guests, func(g *receipt) bool { return g == r })
}

// claim waits for the first byte after the Welcome, and makes the stream the session's. It returns
// with the gate held, or false if nothing comes, the session has ended since the Welcome, or
// another stream has overtaken this one.
func (t *Transport) claim(r *receipt, open wire.Open) bool {
	r.s.frames.Allow(t.cfg.MaxFrame)
	if t.forJobs() {
		r.s.frames.Keep = packetBuffer
	}
	if err := r.s.frames.Wait(); err != nil {
		t.cfg.Log.Debug("a stream was welcomed, and nothing came on it", "peer", r.from, "why", err)
		return false
	}
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.HandshakeTimeout)
	defer cancel()
	if !t.ins.supersede(r.in, r, open) || !t.ins.enter(ctx, r.in, r, open) {
		return false
	}
	r.last.Store(r.in.last.Load())
	r.s.SetDeadline(time.Time{})
	return true
}

// supersede makes r the session's stream, and ends all others of this peer, which are older. It is
// false if the session has ended, or r was ended so itself.
func (n *inbounds) supersede(in *inbound, r *receipt, open wire.Open) bool {
	n.mu.Lock()
	if n.closing || r.stale.Load() || !in.takes(open) {
		n.mu.Unlock()
		return false
	}
	older := slices.DeleteFunc(in.guests, func(g *receipt) bool { return g == r })
	if in.latest != nil {
		older = append(older, in.latest)
	}
	in.guests, in.latest = nil, r
	for _, o := range older {
		o.stale.Store(true)
	}
	n.mu.Unlock()
	for _, o := range older {
		o.s.ResetWithError(network.StreamSupplanted)
	}
	return true
}

// takes reports whether the session is still one that the Open may resume or replace. mu is held.
func (in *inbound) takes(open wire.Open) bool {
	if in.session == open.Session {
		return !in.dead
	}
	return open.Receiver == [16]byte{}
}

// enter takes the gate, and begins the session if it is new. It is false when a newer stream has
// come meanwhile.
func (n *inbounds) enter(ctx context.Context, in *inbound, r *receipt, open wire.Open) bool {
	select {
	case in.gate <- struct{}{}:
	case <-ctx.Done():
		n.leave(in, r)
		return false
	}
	n.mu.Lock()
	newest := in.latest == r && !n.closing && in.takes(open)
	if newest && in.session != open.Session {
		in.session, in.dead = open.Session, false
		in.last.Store(0)
	}
	n.mu.Unlock()
	if !newest {
		n.leave(in, r)
		<-in.gate
	}
	return newest
}
