package job

import "sync"

// slots counts the rank slots of the node: those of ranks that run and those reserved for offers.
type slots struct {
	mu    sync.Mutex
	total int
	used  int // by ranks, or reserved
	held  int // of those, reserved
}

// hold reserves at most n slots. It returns how many it has reserved, how many were reserved for
// other offers, and how many were in use.
func (s *slots) hold(n int) (got, held, used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, used = s.held, s.used
	got = max(min(n, s.total-s.used), 0)
	s.used += got
	s.held += got
	return got, held, used
}

// take makes n of an offer's reserved slots slots of ranks, and frees the others.
func (s *slots) take(kept, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held -= kept
	s.used -= kept - n
}

// give frees the slots of n ranks that have ended.
func (s *slots) give(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}

// count is how many slots are in use.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}
