package ranks

import "sync"

// quota is what one rank has of the room for files. A program may still be in a call after its rank
// was ended.
type quota struct {
	room func(n int64) bool // asks for n bytes, or gives back -n

	mu    sync.Mutex // guards the rest
	held  int64
	ended bool
}

// take asks for n bytes more, or gives back -n.
func (q *quota) take(n int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended || !q.room(n) {
		return false
	}
	q.held += n
	return true
}

// end gives back all that is left.
func (q *quota) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held != 0 {
		q.room(-q.held)
	}
	q.held, q.ended = 0, true
}
