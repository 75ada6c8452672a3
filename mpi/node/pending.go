package node

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// owner sends messages and waits until they end: a request or a task. Its methods may be called
// concurrently, and after it stopped waiting. For each message accepted and ended are called at
// most once, in this order.
type owner interface {
	accepted(o *outgoing)
	ended(o *outgoing, failures []mpi.Failure, omitted uint64)
}

// outgoing is one message that was sent and has not ended.
type outgoing struct {
	owner    owner
	index    int // its place in the request; -1 for one that an interpreter sent
	pid      int64
	from, to mpi.PeerID
	request  mpi.RequestID
	deadline time.Time
	taken    bool // guarded by its request's mutex: the peer accepted the message, or it ended

	// Guarded by pending's mutex.
	id      uint64
	session uint64 // that carries it; 0 while it is still being sent
}

// failure returns a failure of this message.
func (o *outgoing) failure(why mpi.Reason, detail string) mpi.Failure {
	return mpi.Failure{Index: o.index, Pid: o.pid, From: o.from, To: o.to, Reason: why, Detail: detail}.Clip()
}

// end tells the owner that the message failed. The caller has taken o from pending.
func (o *outgoing) end(f mpi.Failure) { o.owner.ended(o, []mpi.Failure{f}, 0) }

// pending holds the messages that were sent and have not ended. Whoever removes one tells its
// owner, so that an owner is told once.
type pending struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*outgoing
	lost map[mpi.PeerID]uint64 // the newest session of a peer that was lost
}

// init starts the IDs at a random number, so that late frames about messages of this node's
// previous process match no message of this one.
func (l *pending) init() {
	l.last = rand.Uint64()
	l.open = map[uint64]*outgoing{}
	l.lost = map[mpi.PeerID]uint64{}
}

// add adds a message and returns its new ID.
func (l *pending) add(o *outgoing) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	o.id = l.last
	l.open[o.id] = o
	return o.id
}

// has reports whether a message is still pending.
func (l *pending) has(o *outgoing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open[o.id] == o
}

// sent notes which session carries the message. It returns false if that session is lost already:
// then the message is removed, and the caller tells its owner.
func (l *pending) sent(o *outgoing, session uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.session = session
	if session > l.lost[o.to] || l.open[o.id] != o {
		return true
	}
	delete(l.open, o.id)
	return false
}

// accepted tells the owner that peer took the message.
func (l *pending) accepted(peer mpi.PeerID, id uint64) {
	l.mu.Lock()
	o := l.open[id]
	l.mu.Unlock()
	if o != nil && o.to == peer {
		o.owner.accepted(o)
	}
}

// take removes and returns a message that was sent to peer. It returns nil if there is none: the
// message ended before, or the peer invented the ID.
func (l *pending) take(peer mpi.PeerID, id uint64) *outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.open[id]
	if o == nil || o.to != peer {
		return nil
	}
	delete(l.open, id)
	return o
}

// lose removes and returns all messages that the session, or an earlier one with the peer, carried.
func (l *pending) lose(peer mpi.PeerID, session uint64) []*outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[peer] = max(l.lost[peer], session)
	var list []*outgoing
	for id, o := range l.open {
		if o.to == peer && o.session != 0 && o.session <= session {
			delete(l.open, id)
			list = append(list, o)
		}
	}
	return list
}

// drop removes and returns all messages of an owner.
func (l *pending) drop(w owner) []*outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*outgoing
	for id, o := range l.open {
		if o.owner == w {
			delete(l.open, id)
			list = append(list, o)
		}
	}
	return list
}
