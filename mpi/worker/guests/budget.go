package guests

import "sync"

// What a process needs for itself of the memory that it may have: the Go runtime and the engine,
// with the stacks of some threads; and for each guest, its thread's stack and what it has queued.
const (
	reserve      = 256 << 20
	reserveGuest = 24 << 20
)

// budget is what the process's limit leaves for the memory of guests. The Go runtime and the engine
// end a process that is refused memory for themselves, so guests are refused theirs before that:
// memory.grow answers -1. A daemon that places a limit above the sum of its guests' never sees it.
type budget struct {
	mu   sync.Mutex
	none bool // no limit
	left int64
}

// set makes a budget of the limit of a process for so many guests at a time; 0 for no limit.
func (b *budget) set(limit int64, guests int) {
	b.none = limit == 0
	b.left = max(0, limit-reserve-int64(guests)*reserveGuest)
}

// take takes n bytes, or what is left.
func (b *budget) take(n int64) int64 {
	if b.none {
		return n
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, b.left)
	b.left -= n
	return n
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
}
