package p2p

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

const (
	// maxKnocks bounds the streams of one peer that no frame has come on since their Welcome,
	// maxAllKnocks those of all.
	maxKnocks    = 4
	maxAllKnocks = 256
	// keepInbound is how long a session without a stream is remembered at least, for its sender to
	// resume it. It is remembered for longer where this node's own grace for the peer is longer.
	keepInbound = time.Minute
)

// inbounds are the receiver's ends of sessions: one for each peer.
type inbounds struct {
	mu      sync.Mutex // guards the fields below, and those of inbound that say so
	max     int
	grace   func(mpi.PeerID) time.Duration
	peers   map[peer.ID]*inbound
	knocks  int
	reached int // peers that reach dials
	closing bool
}

// inbound is what is known of one peer's session. It outlives its streams.
type inbound struct {
	// gate holds a token for whoever reads the session's stream: a handler that takes over waits
	// until its forerunner has let go, so frames reach the receiver in order and once.
	gate chan struct{}

	// last is the last sequence number given to the receiver. Whoever holds the gate writes it.
	last atomic.Uint64

	// Guarded by inbounds.mu.
	session  [16]byte
	dead     bool       // the session is over: it cannot be resumed
	knocks   int        // handlers whose stream is not the session's yet
	guests   []*receipt // of these, those that have their Welcome
	latest   *receipt   // of the session's stream, nil when there is none
	detached time.Time
	reached  bool // reach dials the peer
}

func (n *inbounds) init(max int, grace func(mpi.PeerID) time.Duration) {
	n.max, n.grace = max, grace
	n.peers = make(map[peer.ID]*inbound)
}

// knock registers a stream before its Open is read. It returns nil when too many streams are in
// that state; full means that there are too many sessions.
func (n *inbounds) knock(p peer.ID) (_ *inbound, full bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.peers[p]
	if n.closing || n.knocks >= maxAllKnocks || in != nil && in.knocks >= maxKnocks {
		return nil, false
	}
	if in == nil {
		if len(n.peers) >= n.max && !n.evict() {
			return nil, true
		}
		in = &inbound{gate: make(chan struct{}, 1), detached: time.Now(), dead: true}
		n.peers[p] = in
	}
	in.knocks++
	n.knocks++
	return in, false
}

// evict makes room by forgetting the session that has been without a stream for longest. mu is
// held.
func (n *inbounds) evict() bool {
	var oldest peer.ID
	var at time.Time
	for p, in := range n.peers {
		if in.latest != nil || in.knocks > 0 || !in.dead && time.Since(in.detached) < n.keeps(p) {
			continue
		}
		if oldest == "" || in.detached.Before(at) {
			oldest, at = p, in.detached
		}
	}
	delete(n.peers, oldest)
	return oldest != ""
}

// keeps is for how long a session without a stream is remembered.
func (n *inbounds) keeps(p peer.ID) time.Duration {
	return max(keepInbound, n.grace(mpi.PeerID(p.String())))
}

// settle ends what knock began.
func (n *inbounds) settle(in *inbound) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in.knocks--
	n.knocks--
}

// leave notes that r's stream is gone.
func (n *inbounds) leave(in *inbound, r *receipt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if in.latest == r {
		in.latest = nil
		in.detached = time.Now()
	}
}

// kill makes the session impossible to resume.
func (n *inbounds) kill(in *inbound) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in.dead = true
}

// end tells a peer that its session is over, if it has one. A peer that is not connected is told
// when it tries to resume.
func (n *inbounds) end(p peer.ID, why wire.CloseReason) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if in := n.peers[p]; in != nil {
		in.dead = true
		if in.latest != nil {
			in.latest.bye(why)
		}
	}
}

// goodbye ends all sessions and admits no others. The channels it returns are closed as the peers
// close their streams: a stream that is reset before that may lose its Close.
func (n *inbounds) goodbye(why wire.CloseReason) []<-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closing = true
	var told []<-chan struct{}
	for _, in := range n.peers {
		in.dead = true
		if in.latest != nil {
			in.latest.bye(why)
			told = append(told, in.latest.gone)
		}
	}
	return told
}

// handleSession serves a stream that a peer opened for a session of its own.
func (t *Transport) handleSession(ns network.Stream) {
	if !t.enter() {
		ns.ResetWithError(network.StreamShutdown)
		return
	}
	defer t.wg.Done()
	memory := receiverMemory
	if t.forJobs() {
		memory = readBuffer + packetBuffer
	}
	s, err := adopt(ns, memory)
	if err != nil {
		t.cfg.Policy.Refuse(mpi.RefusedMemory)
		t.cfg.Log.Debug("session not taken", "peer", ns.Conn().RemotePeer(), "why", err)
		return
	}
	defer s.release()
	stop := context.AfterFunc(t.ctx, func() { s.Reset() })
	defer stop()

	id := s.Conn().RemotePeer()
	in, full := t.ins.knock(id)
	switch {
	case full:
		t.cfg.Policy.Refuse(mpi.RefusedSessions)
		t.reject(s, wire.RejectBusy)
		return
	case in == nil:
		t.cfg.Policy.Refuse(mpi.RefusedStreams)
		s.ResetWithError(network.StreamRateLimited)
		return
	}
	knocking := sync.OnceFunc(func() { t.ins.settle(in) })
	defer knocking()

	r := newReceipt(t, s, in, mpi.PeerID(id.String()))
	defer close(r.gone)
	s.frames = wire.NewReader(r, readBuffer, wire.MaxControl)
	s.frames.Hold = r.patientHold
	open, ok := t.readOpen(r)
	if !ok {
		return
	}
	last, ok := t.ins.host(in, r, open, t.incarnation)
	if !ok {
		t.reject(s, wire.RejectUnknown)
		return
	}
	if !r.welcome(last) || !t.claim(r, open) {
		t.ins.unhost(in, r)
		s.Reset()
		return
	}
	defer func() {
		t.ins.leave(in, r)
		<-in.gate
		if t.ins.lacks(in) {
			t.reach(id, in)
		}
	}()
	t.checkRestart(r.from, open.Sender)
	knocking()
	if !t.cfg.Admit(r.from) { // any more, see Reconsider
		t.ins.end(id, wire.CloseDenied)
	}
	r.run()
}

// readOpen reads a stream's first frame and applies the policy.
func (t *Transport) readOpen(r *receipt) (open wire.Open, ok bool) {
	s := r.s
	s.SetDeadline(time.Now().Add(t.cfg.HandshakeTimeout))
	typ, payload, err := s.frames.Next()
	if err == nil {
		if typ == wire.TypeOpen {
			open, err = wire.ParseOpen(payload)
		} else {
			err = violation("%s is no way to begin", typ)
		}
	}
	if err != nil {
		t.cfg.Log.Debug("session not opened", "peer", r.from, "why", err)
		s.ResetWithError(network.StreamProtocolViolation)
		return wire.Open{}, false
	}
	if !t.cfg.Admit(r.from) {
		t.cfg.Policy.Refuse(mpi.RefusedDenied)
		t.reject(s, wire.RejectRefused)
		return wire.Open{}, false
	}
	return open, true
}

// reject answers with a Reject and closes the stream.
func (t *Transport) reject(s *stream, code wire.RejectCode) {
	s.SetDeadline(time.Now().Add(t.cfg.HandshakeTimeout))
	if _, err := s.Write(wire.AppendReject(nil, wire.Reject{Code: code})); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

// checkRestart ends this node's session to a peer that has restarted, before the first frame since
// the restart is given to the receiver.
func (t *Transport) checkRestart(p mpi.PeerID, incarnation [16]byte) {
	t.mu.RLock()
	o := t.outs[p]
	t.mu.RUnlock()
	if o == nil {
		return
	}
	o.mu.Lock()
	stale := o.number != 0 && o.remote != incarnation
	o.mu.Unlock()
	if stale {
		o.end(errRestarted)
	}
}
