package node

import (
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// budget bounds the tasks a node has open, by number, by the peer that sent them and by bytes.
type budget struct {
	mu    sync.Mutex
	tasks int
	bytes int64
	of    map[mpi.PeerID]int
}

// take reserves room for a task that peer sent, with n bytes. It goes by who sent it: an origin is only what the sender says.
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

// grow adds to the bytes of a task what its interpreter wants sent, if there is room.
func (b *budget) grow(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes+n > maxTaskBytes {
		return false
	}
	b.bytes += n
	return true
}

// give returns the room of a task that ended.
func (b *budget) give(peer mpi.PeerID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks--
	b.bytes -= n
	if b.of[peer]--; b.of[peer] == 0 {
		delete(b.of, peer)
	}
}
