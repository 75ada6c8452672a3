package ranks

import (
	"context"
	"io"
	"sync"
	"time"
)

// stdin is the standard input of a rank, as it comes. Its owner bounds what it holds.
type stdin struct {
	flush func() error    // sends what the program has written, before it waits
	read  func(n int)     // tells the owner
	ctx   context.Context // the ranks'
	more  chan struct{}   // holds one: there is more

	mu   sync.Mutex // guards the rest
	data []byte
	end  bool
	// since when the rank waits for more; zero if it does not
	since time.Time
}

// waits is since when the rank waits for input; zero if it does not.
func (s *stdin) waits() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

// put adds a part of it; without data, its end.
func (s *stdin) put(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, data...)
	s.end = s.end || len(data) == 0
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Read implements [io.Reader].
func (s *stdin) Read(b []byte) (int, error) {
	if err := s.flush(); err != nil || len(b) == 0 {
		return 0, err
	}
	for {
		s.mu.Lock()
		n := copy(b, s.data)
		s.data = s.data[n:]
		end := s.end && n == 0
		if n > 0 || end {
			s.since = time.Time{}
		} else if s.since.IsZero() {
			s.since = time.Now()
		}
		s.mu.Unlock()
		switch {
		case n > 0:
			s.read(n)
			return n, nil
		case end:
			return 0, io.EOF
		}
		select {
		case <-s.more:
		case <-s.ctx.Done():
			return 0, context.Cause(s.ctx)
		}
	}
}
