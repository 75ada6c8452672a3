package match

import "time"

// waits is what a rank knows of how it waited, to choose between spinning and parking. Spinning is the faster one while the rank that
// is waited for has a core of its own; if other processes take the cores, or the answer comes from another node, it keeps from
// running just what it waits for. So both are timed, and what did better is done.
type waits struct {
	cost   [2]time.Duration // of a wait that parks at once, and of one that spins first: an average of late
	vain   int              // spins that ended without what they waited for, less those that did
	number uint
}

const (
	// spinMost is how long a rank spins before it parks: about what it costs to park and to be woken.
	spinMost = 50 * time.Microsecond
	// shortWait is a wait that says something about how to wait.
	shortWait = 4 * spinMost
	// explore is how often the other way is tried: once in so many waits.
	explore = 256
	// vainMost is after how many spins in vain it is no use.
	vainMost = 8
)

// spins reports whether to spin in the next wait.
func (w *waits) spins() bool {
	w.number++
	better := w.cost[1] <= w.cost[0] && w.vain < vainMost
	if w.number%explore == 0 {
		return !better
	}
	return better
}

// done counts a wait.
func (w *waits) done(spun, parked bool, took time.Duration) {
	if spun && parked {
		w.vain = min(w.vain+1, 2*vainMost)
	} else if spun {
		w.vain = max(w.vain-1, 0)
		if w.vain >= vainMost {
			w.vain = 0 // it was tried again, and worked
		}
	}
	if took > shortWait {
		return
	}
	i := 0
	if spun {
		i = 1
	}
	w.cost[i] += (took - w.cost[i]) / 4
}

// sleep returns once seq is not what it was, or for no reason.
func (e *Endpoint) sleep(was uint32) {
	load := &e.w.cfg.Load.busy
	start := time.Now()
	spin := load.Load() <= e.w.cores
	if spin && e.waits.spins() {
		for {
			for range 64 {
				if e.seq.Load() != was {
					e.waits.done(true, false, time.Since(start))
					return
				}
			}
			if load.Load() > e.w.cores || time.Since(start) > spinMost {
				break
			}
		}
		e.park(was)
		e.waits.done(true, true, time.Since(start))
		return
	}
	e.park(was)
	if spin {
		e.waits.done(false, true, time.Since(start))
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
