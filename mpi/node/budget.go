package node

import (
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// budget bounds the open tasks of a node: their number, their number for each sending peer, and
// their bytes.
type budget struct {
	mu    sync.Mutex
	tasks int
	bytes int64
	of    map[mpi.PeerID]int
}

// take reserves a task of n bytes for the peer that sent it. It is not accounted to the origin,
// which is only the sender's word.
func (b *budget) take(peer mpi.PeerID, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.tasks >= maxTasks:
		return fmt.Errorf("%d messages are open already", b.tasks)
	case b.of[peer] >= maxTasksPerPeer:
		return fmt.Errorf("%d messages of this peer are open already", b.of[peer])
	case b.bytes+n > maxTaskBytes:
		return fmt.Errorf("%d MiB of messages are open already", b.bytes>>20)
	}
	if b.of == nil {
		b.of = map[mpi.PeerID]int{}
	}
	b.tasks++
	b.of[peer]++
	b.bytes += n
	return nil
}

// grow reserves n more bytes for an open task, for the messages that its interpreter sends.
func (b *budget) grow(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes+n > maxTaskBytes {
		return false
	}
	b.bytes += n
	return true
}

// give releases a task that ended, with all its bytes.
func (b *budget) give(peer mpi.PeerID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks--
	b.bytes -= n
	if b.of[peer]--; b.of[peer] == 0 {
		delete(b.of, peer)
	}
}
