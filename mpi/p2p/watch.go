package p2p

import (
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// watch is one call of Watch.
type watch struct{ grace time.Duration }

// Watch implements [frame.JobTransport].
func (t *Transport) Watch(p mpi.PeerID, grace time.Duration) (stop func()) {
	w := &watch{grace}
	t.mu.Lock()
	if t.watched[p] == nil {
		t.watched[p] = make(map[*watch]struct{})
	}
	t.watched[p][w] = struct{}{}
	o := t.outs[p]
	t.mu.Unlock()
	if o != nil {
		o.hurry()
	}
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if delete(t.watched[p], w); len(t.watched[p]) == 0 {
			delete(t.watched, p)
		}
	})
}

// pings is after how much silence a peer is asked for a sign of life, and how long it then has.
func (t *Transport) pings(p mpi.PeerID) (every, timeout time.Duration) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.watched[p]) > 0 {
		return min(t.cfg.WatchEvery, t.cfg.PingEvery), min(t.cfg.WatchTimeout, t.cfg.PingTimeout)
	}
	return t.cfg.PingEvery, t.cfg.PingTimeout
}

// grace is how long a session to a peer may be silent.
func (t *Transport) grace(p mpi.PeerID) time.Duration {
	t.mu.RLock()
	defer t.mu.RUnlock()
	longest := t.cfg.Grace
	for w := range t.watched[p] {
		longest = max(longest, w.grace)
	}
	return longest
}

// silent tells the receiver of a silence.
func (t *Transport) silent(p mpi.PeerID, since time.Time, why error) {
	if r, ok := t.receiver.(frame.SilenceReceiver); ok {
		r.Silent(p, since, why.Error())
	}
}

// heardFrom tells the receiver of the end of a silence.
func (t *Transport) heardFrom(p mpi.PeerID) {
	if r, ok := t.receiver.(frame.SilenceReceiver); ok {
		r.Heard(p)
	}
}
