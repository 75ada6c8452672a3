package node

import "sync"

// room bounds the bytes of the files that all ranks of a node have written and that are still in memory.
type room struct {
	mu   sync.Mutex
	used int64
}

// lease is what one rank has of a room, whose mutex guards it: a program may still be in a call after its rank was ended.
type lease struct {
	of    *room
	held  int64
	ended bool
}

// take asks for n bytes more, or gives back -n.
func (l *lease) take(n int64) bool {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.ended || n > maxFiles-l.of.used {
		return false
	}
	l.of.used += n
	l.held += n
	return true
}

// end gives back all that is left.
func (l *lease) end() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.used -= l.held
	l.held, l.ended = 0, true
}
