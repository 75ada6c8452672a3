package backoff

import (
	"sync"
	"time"
)

// Lines bounds how many lines of one kind go to a log: Most in each Every. It is for many
// goroutines.
type Lines struct {
	Most  int
	Every time.Duration

	mu      sync.Mutex
	since   time.Time // the beginning of the current period
	written int       // lines in it
	omitted int       // lines that were left out since the last one that was not
}

// Next reports whether a line is to be written now, and how many were left out since the last one.
func (l *Lines) Next() (write bool, omitted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.since) >= l.Every {
		l.since, l.written = now, 0
	}
	if l.written >= l.Most {
		l.omitted++
		return false, 0
	}
	l.written++
	omitted, l.omitted = l.omitted, 0
	return true, omitted
}
