package rendezvous

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// probe is an order to exchange hellos with a peer. Its outcome goes to answered or
// failed, exactly once.
type probe struct {
	to     frame.PeerAddrs
	mine   frame.Hello // Members without addresses
	ticket ticket
}

// ticket ties an outcome to what was asked.
type ticket struct {
	peer  mpi.PeerID
	gen   uint64
	lane  int
	epoch uint64
}

// begin starts a probe of p, which is due.
func (v *view) begin(now time.Time, p *contact) probe {
	p.probing, p.again, p.needed, p.started = true, false, false, now
	v.lanes[p.lane].busy++
	return probe{
		to:     frame.PeerAddrs{Peer: p.id, Addrs: p.addrs},
		mine:   v.hello(p.id, p.hello),
		ticket: ticket{peer: p.id, gen: p.gen, lane: p.lane, epoch: v.epoch},
	}
}

// redeem ends a probe and finds its peer; nil if the outcome is void.
func (v *view) redeem(t ticket) *contact {
	v.lanes[t.lane].busy--
	p := v.peers[t.peer]
	if p == nil || p.gen != t.gen {
		return nil
	}
	p.probing = false
	return p
}

// greeted takes a peer's own hello and returns ours; false to say nothing.
func (v *view) greeted(now time.Time, from mpi.PeerID, theirs frame.Hello, l link) (frame.Hello, bool) {
	if from == v.self || !v.admit(from) {
		return frame.Hello{}, false
	}
	if theirs.Leaving {
		v.left(now, from)
		return frame.Hello{}, false
	}
	p := v.peers[from]
	if p == nil {
		p = v.candidate(now, from, true)
	}
	if p == nil || !v.admitHello(now, p, theirs, l) {
		return v.hello(from, theirs), true
	}
	switch {
	case p.asked < v.tell && v.needy():
		v.probe(now, p) // its answer will have hints that this hello could not have
	case !p.probing && !p.needed:
		p.asked = max(p.asked, v.tell)
		v.queue(p, now.Add(v.stale()))
	}
	return v.hello(from, theirs), true
}

// answered is the end of a probe with the peer's hello.
func (v *view) answered(now time.Time, t ticket, theirs frame.Hello, l link) {
	p := v.redeem(t)
	if p == nil {
		return
	}
	if theirs.Leaving {
		v.left(now, p.id)
		return
	}
	p.asked, p.askedAt = t.epoch, now
	if !v.admitHello(now, p, theirs, l) {
		return
	}
	again := p.again
	p.again = false
	switch {
	case again || p.asked < v.tell:
		v.probe(now, p)
	case !p.doubt:
		v.queue(p, now.Add(v.stale()))
	}
	if !again {
		v.settle(now, p.id)
	}
}

// admitHello puts a hello of p in the view and follows its hints. It reports false, and
// has forgotten p, when there is no room, or it is gone again and of no use.
func (v *view) admitHello(now time.Time, p *contact, theirs frame.Hello, l link) bool {
	p.connected = l.up
	group := p.group
	if l.up {
		group = l.group
	}
	if !v.enter(now, p, theirs, group) {
		v.forget(now, p)
		return false
	}
	p.fails, p.failed = 0, time.Time{}
	if !p.probing && !p.again {
		p.doubt = false
	}
	if !l.up {
		v.disconnected(now, p.id) // that event may have come before the hello
		if v.peers[p.id] != p {
			return false
		}
	}
	for _, m := range theirs.Members {
		if m.Program == general || v.pools[m.Program] == nil {
			continue
		}
		for _, a := range m.Peers {
			v.hinted(now, p, m.Program, a, l.local)
		}
	}
	return true
}

// trouble is a class of failed probe.
type trouble int

const (
	unsure  trouble = iota // anything: the peer may still be there
	spoiled                // the handshake broke off, as it does where both dial at once
	absent                 // it cannot be reached
	hostile                // it keeps us out, or speaks another version
)

// failed is the end of a probe without a hello.
func (v *view) failed(now time.Time, t ticket, kind trouble) {
	p := v.redeem(t)
	if p == nil {
		return
	}
	again := p.again || p.spoke.After(p.started) // then the next one goes another way
	p.again = false
	p.fails++
	p.failed = now
	if p.in && p.heard.After(p.started) {
		kind, p.doubt = unsure, false // it came to us meanwhile
	}
	if kind == spoiled && p.in && p.fails <= v.lim.handshakes {
		p.doubt = true
		v.probeAt(now.Add(v.yield(p.id)), p)
		return
	}
	if kind == absent || kind == hostile || p.doubt || p.fails > 1 {
		v.leave(p, "does not answer")
		p.doubt, p.asked = false, 0 // if it comes by itself, it has to answer too
	}
	switch {
	case again && kind != hostile:
		v.probe(now, p)
		return
	case p.in:
		v.probeAt(now.Add(v.t.BackoffMin), p)
	case kind == hostile:
		v.quarantine(now, p, v.lim.forget)
	case p.connected && p.speaks || p.fails < v.lim.tries:
		v.queue(p, now.Add(v.jitter(v.retry(p.fails))))
	default:
		v.quarantine(now, p, v.lim.forget)
	}
	v.settle(now, p.id)
}

// retry is the pause after the n-th failure in a row.
func (v *view) retry(n int) time.Duration {
	return backoff.Policy{First: 2 * v.t.BackoffMin, Max: v.t.BackoffMax, Factor: 4}.After(n)
}

func (v *view) jitter(d time.Duration) time.Duration {
	return d - time.Duration(v.rand.Int64N(int64(d)/8+1))
}

func (v *view) stale() time.Duration { return v.jitter(v.t.Stale) }

// speaking says that a connected peer identified itself with our protocol.
func (v *view) speaking(now time.Time, id mpi.PeerID) {
	if id == v.self || !v.admit(id) {
		return
	}
	p := v.peers[id]
	if p == nil {
		if p = v.candidate(now, id, true); p == nil {
			return
		}
	}
	p.connected, p.speaks, p.spoke = true, true, now
	if p.probing {
		return
	}
	if p.in && p.asked >= v.tell && !p.doubt && p.fails == 0 {
		v.requeue(p)
		return
	}
	p.fails = 0
	v.probe(now, p)
}

// requeue moves a queued peer to the lane of its present state.
func (v *view) requeue(p *contact) {
	if p.index >= 0 {
		v.queue(p, p.due)
	}
}

// yield is how long this node waits before it dials a peer that may dial it at the same moment.
// Where both dial at once, TCP with port reuse may join the two into one connection with two
// TLS clients. So the lower peer ID dials first.
func (v *view) yield(id mpi.PeerID) time.Duration {
	if v.self < id {
		return 0
	}
	return v.lim.yield
}

// disconnected says that no connection to the peer is left. A peer in view stays there, in doubt,
// and is asked once more: at once or after yield, and later each time it happens again soon.
// A peer of no use to us is not dialled over and over.
func (v *view) disconnected(now time.Time, id mpi.PeerID) {
	p := v.peers[id]
	if p == nil {
		return
	}
	p.connected, p.speaks = false, false
	if !p.in {
		v.requeue(p)
		return
	}
	if now.Sub(p.flapped) > v.t.Stale {
		p.flaps = 0
	}
	if p.flaps > 0 && !p.useful && !v.pools[general].wanted(now) {
		v.leave(p, "disconnected again, and in no pool of ours")
		v.forget(now, p)
		return
	}
	wait := v.yield(id)
	if p.flaps > 0 {
		wait += backoff.Policy{First: v.t.BackoffMin, Max: v.t.Stale}.After(p.flaps)
	}
	p.flaps++
	p.flapped = now
	p.doubt = true
	v.probeAt(now.Add(wait), p)
}

// suspect says that a peer did not answer someone else.
func (v *view) suspect(now time.Time, id mpi.PeerID) {
	if p := v.peers[id]; p != nil && p.in {
		p.doubt = true
		v.probe(now, p)
	}
}

// left takes a peer's goodbye. Its hellos that were sent before and arrive later are ignored.
func (v *view) left(now time.Time, id mpi.PeerID) {
	p := v.peers[id]
	if p == nil {
		return
	}
	v.leave(p, "goodbye")
	v.gens++
	p.gen, p.probing, p.again, p.doubt = v.gens, false, false, false
	p.asked, p.fails, p.failed, p.speaks = 0, 0, now, false
	v.quarantine(now, p, v.lim.left)
	v.settle(now, id)
}
