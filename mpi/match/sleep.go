package match

import "time"

// waits is what a rank knows of how it waited: whether to look for a while before it parks, or to park at once.
type waits struct {
	vain   int // looks that ended without what they waited for, less those that did
	number uint
}

const (
	// lookMost is how long a rank looks before it parks: a few times what it costs to park and to be woken.
	lookMost = 200 * time.Microsecond
	// vainMost is after how many looks in vain it is no use, …
	vainMost = 8
	// … and how often it is tried again: once in so many waits.
	explore = 256
	// crowd is for how many ranks of each core it is worth to look: with more, those that look are in the way of what they wait for. They
	// are counted whether they are parked or not, or as soon as some park others would begin to look. A rank that looks keeps one of Go's
	// processors: package node has as many for them (ranksPerCore).
	crowd = 8
)

// looks reports whether to look in the next wait.
func (w *waits) looks() bool {
	w.number++
	return w.vain < vainMost || w.number%explore == 0
}

// looked counts a wait that began with looking.
func (w *waits) looked(found bool) {
	switch {
	case !found:
		w.vain = min(w.vain+1, vainMost)
	case w.vain >= vainMost:
		w.vain = 0 // it was tried again, and worked
	default:
		w.vain = max(w.vain-1, 0)
	}
}

// sleep returns once seq is not what it was, or for no reason.
func (e *Endpoint) sleep(was uint32) {
	if e.w.cfg.Load.ranks.Load() <= crowd*e.w.cores && e.waits.looks() {
		found := e.look(was)
		e.waits.looked(found)
		if found {
			return
		}
	}
	e.park(was)
}

// look reports whether seq became other than it was within the time that it is worth to look. It leaves its core to any other thread that
// is ready: now and then while there is one for each rank that runs or looks, all the time while there are more. So cores do not
// go to sleep between a message and the next, which it takes long to wake from, and nobody waits for one that only looks.
func (e *Endpoint) look(was uint32) bool {
	for start := time.Now(); ; {
		rounds := 16 // a microsecond or two
		if e.w.cfg.Load.busy.Load() > e.w.cores {
			rounds = 1
		}
		for range 64 * rounds {
			if e.seq.Load() != was {
				return true
			}
		}
		if time.Since(start) > lookMost {
			return false
		}
		yield()
	}
}

// park sleeps until seq is not what it was, or for no reason.
func (e *Endpoint) park(was uint32) {
	load := &e.w.cfg.Load.busy
	load.Add(-1)
	e.parked.Store(1)
	if e.seq.Load() == was {
		e.parker.park(&e.seq, was)
	}
	e.parked.Store(0)
	load.Add(1)
}
