package node

import (
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// watch has the peers of a request watched, if the request says how long they may be silent. It
// returns what ends that.
func (n *Node) watch(q *request, msgs []mpi.Message) (stop func()) {
	w, ok := n.cfg.Transport.(frame.Watcher)
	if q.grace == 0 || !ok {
		return func() {}
	}
	stops := map[mpi.PeerID]func(){}
	for _, m := range msgs {
		if stops[m.To] == nil && m.To != n.self {
			stops[m.To] = w.Watch(m.To, q.grace)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for p := range stops {
		if since, silent := n.silent[p]; silent {
			n.await(q, p, since)
		}
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// Silent implements [frame.SilenceReceiver]. Requests with a grace of their own wait for the peer
// no longer than that.
func (n *Node) Silent(peer mpi.PeerID, since time.Time, why string) {
	n.log.Info("peer is silent", "peer", peer, "since", since, "why", why)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent[peer] = since
	for _, q := range n.requests {
		if q.grace != 0 {
			n.await(q, peer, since)
		}
	}
}

// Heard implements [frame.SilenceReceiver].
func (n *Node) Heard(peer mpi.PeerID) {
	n.log.Info("peer is heard again", "peer", peer)
	n.endSilence(peer)
}

func (n *Node) endSilence(peer mpi.PeerID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.silent, peer)
}

// awaitStep is how often the clock of a wait for a silent peer is read.
const awaitStep = 250 * time.Millisecond

// graceWait is one request's wait for one silent peer. Node.mu guards left and at.
type graceWait struct {
	n     *Node
	q     *request
	peer  mpi.PeerID
	since time.Time     // names the silence
	left  time.Duration // of the grace, not counting what this process was stopped
	at    time.Time     // when left was set
	timer *time.Timer
}

// await has a request's messages to a silent peer named when its grace is over. The caller holds
// the mutex.
func (n *Node) await(q *request, peer mpi.PeerID, since time.Time) *graceWait {
	now := time.Now()
	w := &graceWait{n: n, q: q, peer: peer, since: since, left: q.grace - now.Sub(since), at: now}
	w.timer = time.AfterFunc(min(w.left, awaitStep), w.look)
	return w
}

// look names the messages if the grace is over, and lets go of a request that has ended.
func (w *graceWait) look() {
	if !w.over() {
		return
	}
	why := fmt.Sprintf("%v: nothing has come from it for the request's grace of %v", frame.ErrSilent, w.q.grace)
	list := w.n.pending.takeOf(w.q, w.peer)
	w.n.outbox.drop(list)
	for _, o := range list {
		o.end(o.failure(mpi.Lost, why))
	}
}

// over reports whether the grace is over. If it still runs, the clock is read again later.
func (w *graceWait) over() bool {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	since, silent := w.n.silent[w.peer]
	if w.n.requests[w.q.id] != w.q || !silent || !since.Equal(w.since) {
		return false
	}
	now := time.Now()
	w.left -= min(now.Sub(w.at), 2*awaitStep)
	w.at = now
	if w.left > 0 {
		w.timer.Reset(min(w.left, awaitStep))
	}
	return w.left <= 0
}

// takeOf removes and returns the messages of an owner to a peer.
func (l *pending) takeOf(w owner, to mpi.PeerID) (list []*outgoing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range *w.open() {
		if o.to == to {
			list = append(list, o)
		}
	}
	for _, o := range list {
		l.remove(o)
	}
	return list
}
