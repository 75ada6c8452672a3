package node

import (
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// budget bounds the open tasks of a node: their number, and their bytes. A peer may have half as
// much as is free for all peers. So one alone can take a third of it, and after five that did so
// a fifteenth is left for one more. The node itself is last to be refused: a part of the
// budget is only for it.
type budget struct {
	self mpi.PeerID

	mu    sync.Mutex // guards the rest
	all   use
	peers use // of all but self
	of    map[mpi.PeerID]*use
}

// use is what of a budget is taken.
type use struct {
	tasks int
	bytes int64
}

func (u *use) add(tasks int, bytes int64) {
	u.tasks += tasks
	u.bytes += bytes
}

// take reserves a task of n bytes for the peer that it is charged to: the one that sent it, or
// whose message had an interpreter of this node send it. It is not charged to the origin, which is
// only the sender's word.
func (b *budget) take(peer mpi.PeerID, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var has use
	if of := b.of[peer]; of != nil {
		has = *of
	}
	switch {
	case peer == b.self && b.all.tasks >= maxTasks+ownTasks, peer != b.self && b.peers.tasks >= maxTasks:
		return fmt.Errorf("%d messages are open already", b.all.tasks)
	case peer != b.self && has.tasks >= (maxTasks-b.peers.tasks+1)/2:
		return fmt.Errorf("%d messages of this peer are open already", has.tasks)
	case !b.fits(peer, has.bytes+n, n):
		return fmt.Errorf("%d MiB of messages are open already, %d of them of this peer", b.all.bytes>>20, has.bytes>>20)
	}
	if b.of == nil {
		b.of = map[mpi.PeerID]*use{}
	}
	if b.of[peer] == nil {
		b.of[peer] = new(use)
	}
	b.add(peer, 1, n)
	return nil
}

// fits reports whether n bytes more, with which the peer has sum, are within the limits. The caller
// holds the mutex.
func (b *budget) fits(peer mpi.PeerID, sum, n int64) bool {
	if b.all.bytes+n > maxTaskBytes {
		return false
	}
	return peer == b.self || sum <= (maxTaskBytes-ownBytes-b.peers.bytes)/2
}

// add changes what a peer has, which has something. The caller holds the mutex.
func (b *budget) add(peer mpi.PeerID, tasks int, bytes int64) {
	b.all.add(tasks, bytes)
	if peer != b.self {
		b.peers.add(tasks, bytes)
	}
	of := b.of[peer]
	of.add(tasks, bytes)
	if of.tasks == 0 {
		delete(b.of, peer)
	}
}

// grow reserves n more bytes for an open task of a peer: for the messages that its interpreter
// sends, and for their failures.
func (b *budget) grow(peer mpi.PeerID, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fits(peer, b.of[peer].bytes+n, n) {
		return false
	}
	b.add(peer, 0, n)
	return true
}

// give releases a task that ended, with all its bytes.
func (b *budget) give(peer mpi.PeerID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(peer, -1, -n)
}
