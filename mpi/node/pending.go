package node

import (
	"math/rand/v2"
	"slices"
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
	// open is the owner's messages among those pending, guarded by pending's mutex.
	open() *messages
	// charged is whom its messages to this node itself are charged to.
	charged() mpi.PeerID
}

// outgoing is one message that was sent and has not ended.
type outgoing struct {
	owner    owner
	index    int // its place in the request; -1 for one that an interpreter sent
	pid      int64
	from, to mpi.PeerID
	request  mpi.RequestID
	deadline time.Time
	ends     uint64 // the sender's ID of the message that this, an answer, ends; 0 for none
	taken    bool   // guarded by its request's mutex: the peer accepted the message, or it ended

	// Guarded by pending's mutex.
	id      uint64
	session uint64 // that carries it; 0 while it is still being sent
	at      [2]int // in the lists of its owner and of its peer

	queued *note // of the outbox, and guarded by its mutex; nil if it is not queued
}

// messages is a list of pending messages in no order. Adding and removing one takes constant time.
type messages []*outgoing

// The lists that a message is in, as indexes of outgoing.at.
const (
	ofOwner = iota
	ofReceiver
)

func (l *messages) add(o *outgoing, which int) {
	o.at[which] = len(*l)
	*l = append(*l, o)
}

func (l *messages) remove(o *outgoing, which int) {
	last := len(*l) - 1
	moved := (*l)[last]
	moved.at[which] = o.at[which]
	(*l)[o.at[which]] = moved
	(*l)[last] = nil
	*l = (*l)[:last]
	if last == 0 {
		*l = nil // nothing is kept for the longest list there was
	}
}

// receiver is a peer that messages are pending for.
type receiver struct {
	open messages
	lost uint64 // the newest session with it that was lost while any was pending
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
	mu    sync.Mutex
	last  uint64
	open  map[uint64]*outgoing
	peers map[mpi.PeerID]*receiver // that messages are pending for
}

// init starts the IDs at a random number, so that late frames about messages of this node's
// previous process match no message of this one.
func (l *pending) init() {
	l.last = rand.Uint64()
	l.open = map[uint64]*outgoing{}
	l.peers = map[mpi.PeerID]*receiver{}
}

// add adds a message and returns its new ID.
func (l *pending) add(o *outgoing) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last++; l.last == 0 { // which stands for none
		l.last++
	}
	o.id = l.last
	l.open[o.id] = o
	o.owner.open().add(o, ofOwner)
	to := l.peers[o.to]
	if to == nil {
		to = new(receiver)
		l.peers[o.to] = to
	}
	to.open.add(o, ofReceiver)
	return o.id
}

// remove takes out a message that is pending. The caller holds the mutex.
func (l *pending) remove(o *outgoing) {
	delete(l.open, o.id)
	o.owner.open().remove(o, ofOwner)
	to := l.peers[o.to]
	to.open.remove(o, ofReceiver)
	if len(to.open) == 0 {
		delete(l.peers, o.to)
	}
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
	if l.open[o.id] != o || session > l.peers[o.to].lost {
		return true
	}
	l.remove(o)
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
	l.remove(o)
	return o
}

// lose removes and returns all messages that the session, or an earlier one with the peer, carried.
func (l *pending) lose(peer mpi.PeerID, session uint64) []*outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := l.peers[peer]
	if to == nil {
		return nil
	}
	to.lost = max(to.lost, session)
	var list []*outgoing
	for _, o := range to.open {
		if o.session != 0 && o.session <= session {
			list = append(list, o)
		}
	}
	for _, o := range list {
		l.remove(o)
	}
	return list
}

// drop removes and returns all messages of an owner.
func (l *pending) drop(w owner) []*outgoing {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(*w.open())
	for _, o := range list {
		l.remove(o)
	}
	return list
}
