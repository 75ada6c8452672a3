package job

import "sync"

// slots counts the ranks that run here, and those there is room kept for.
type slots struct {
	mu    sync.Mutex
	total int
	used  int // kept or run
	held  int // of those, kept for offers
}

// hold keeps room for at most n ranks and returns for how many; and how many others are kept that may not be taken.
func (s *slots) hold(n int) (got, held, used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, used = s.held, s.used
	got = max(min(n, s.total-s.used), 0)
	s.used += got
	s.held += got
	return got, held, used
}

// take turns n of the kept ones into ranks, and gives up the others of the offer.
func (s *slots) take(kept, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= kept
	s.used -= kept - n
}

// give gives back room of n ranks that have ended.
func (s *slots) give(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}

// count is how many are in use.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}
