package node

import (
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// budget bounds the tasks a node has open, by number, by origin and by bytes.
type budget struct {
	mu    sync.Mutex
	tasks int
	bytes int64
	of    map[mpi.PeerID]int
}

// take reserves room for a task of the origin with n bytes.
func (b *budget) take(origin mpi.PeerID, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.tasks >= maxTasks:
		return fmt.Errorf("%d messages are open already", b.tasks)
	case b.of[origin] >= maxTasksPerOrigin:
		return fmt.Errorf("%d messages of this origin are open already", b.of[origin])
	case b.bytes+n > maxTaskBytes:
		return fmt.Errorf("%d MiB of messages are open already", b.bytes>>20)
	}
	if b.of == nil {
		b.of = map[mpi.PeerID]int{}
	}
	b.tasks++
	b.of[origin]++
	b.bytes += n
	return nil
}

// grow adds to the bytes of a task, which exist already and cannot be refused.
func (b *budget) grow(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += n
}

// give returns the room of a task that ended.
func (b *budget) give(origin mpi.PeerID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks--
	b.bytes -= n
	if b.of[origin]--; b.of[origin] == 0 {
		delete(b.of, origin)
	}
}
