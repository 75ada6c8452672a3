package node

import (
	"sync"
	"time"
)

// accepts tells senders that their messages were accepted, acceptDelay after they came: by then
// most have ended, and a Done says it too. One timer serves all tasks.
type accepts struct {
	mu      sync.Mutex // guards the rest
	waiting []waitingAccept
	timer   *time.Timer // nil until the first task
	armed   bool        // the timer runs, or its function does
	shut    bool
}

type waitingAccept struct {
	task *task
	due  time.Time
}

// add has the task accepted in acceptDelay.
func (a *accepts) add(t *task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shut {
		return
	}
	a.waiting = append(a.waiting, waitingAccept{t, time.Now().Add(acceptDelay)})
	switch {
	case a.armed:
	case a.timer == nil:
		a.timer = time.AfterFunc(acceptDelay, a.fire)
	default:
		a.timer.Reset(acceptDelay)
	}
	a.armed = true
}

// fire accepts the tasks that are due.
func (a *accepts) fire() {
	a.mu.Lock()
	now := time.Now()
	n := 0
	for n < len(a.waiting) && !a.waiting[n].due.After(now) {
		n++
	}
	due := a.waiting[:n:n]
	// A list of its own for what is left: the tasks that are due are not kept for its sake.
	a.waiting = append([]waitingAccept(nil), a.waiting[n:]...)
	if a.armed = len(a.waiting) > 0 && !a.shut; a.armed {
		a.timer.Reset(a.waiting[0].due.Sub(now))
	}
	a.mu.Unlock()
	for _, w := range due {
		w.task.accept()
	}
}

// close has nothing accepted any more.
func (a *accepts) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = true
	a.waiting = nil
	if a.timer != nil {
		a.timer.Stop()
	}
}
