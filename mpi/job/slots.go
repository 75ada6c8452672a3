package job

import "sync"

// slots counts the rank slots of the node: those of ranks that run and those reserved for offers.
type slots struct {
	mu    sync.Mutex
	total int
	used  int // by ranks, or reserved
	held  int // of those, reserved
}

// hold reserves slots for at most n ranks, which take so many each. It returns for how many ranks
// it has reserved them, how many were reserved for other offers, and how many were in use.
func (s *slots) hold(n, each int) (got, held, used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, used = s.held, s.used
	got = max(min(n, (s.total-s.used)/each), 0)
	s.used += got * each
	s.held += got * each
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
