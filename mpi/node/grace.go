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

// await has a request's messages to a silent peer named when its grace is over. The caller holds
// the mutex.
func (n *Node) await(q *request, peer mpi.PeerID, since time.Time) {
	time.AfterFunc(time.Until(since.Add(q.grace)), func() {
		n.mu.Lock()
		at, silent := n.silent[peer]
		n.mu.Unlock()
		if !silent || !at.Equal(since) {
			return
		}
		why := fmt.Sprintf("%v: nothing has come from it for the request's grace of %v", frame.ErrSilent, q.grace)
		list := n.pending.takeOf(q, peer)
		n.outbox.drop(list)
		for _, o := range list {
			o.end(o.failure(mpi.Lost, why))
		}
	})
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
