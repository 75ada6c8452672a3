package match

import "time"

// waits is what a rank knows of how it waited: whether to spin before it parks, or to park at once.
type waits struct {
	misses int // spins that ended without what they waited for, less those that found it
	number uint
}

const (
	// maxSpin is how long a rank spins before it parks: a few times what parking and waking cost.
	maxSpin = 200 * time.Microsecond
	// maxMisses is the number of misses from which a rank parks at once.
	maxMisses = 8
	// explore is how often such a rank spins nevertheless: once in so many waits.
	explore = 256
	// maxSpinPerCore is the number of ranks per core up to which spinning pays. Parked ranks count
	// too; otherwise the others would start to spin as soon as some park. A rank that spins keeps
	// one of Go's processors: package ranks has as many for them (ranksPerCore).
	maxSpinPerCore = 8
)

// spins reports whether to spin in the next wait.
func (w *waits) spins() bool {
	w.number++
	return w.misses < maxMisses || w.number%explore == 0
}

// spun counts a wait that began with spinning.
func (w *waits) spun(found bool) {
	switch {
	case !found:
		w.misses = min(w.misses+1, maxMisses)
	case w.misses >= maxMisses:
		w.misses = 0 // it was tried again, and worked
	default:
		w.misses = max(w.misses-1, 0)
	}
}

// sleep returns once seq is not what it was or a ring has a message, or for no reason.
func (e *Endpoint) sleep(was uint32) {
	if !e.spins(was) {
		e.park(was)
	}
}

// spins spins if that pays, and reports whether seq changed or a message came into a ring
// meanwhile.
func (e *Endpoint) spins(was uint32) bool {
	load := e.w.cfg.Load
	if load.ranks.Load()+load.others.Load() <= maxSpinPerCore*e.w.cores && e.waits.spins() {
		found := e.spin(was)
		e.waits.spun(found)
		return found
	}
	return false
}

// spin reports whether seq changed from was, or a ring has a message, within maxSpin. It yields its
// core to other threads that are ready: now and then while there is a core for each rank that runs
// or spins, all the time while there are more ranks. So cores do not go to sleep between one
// message and the next, which they wake from slowly, and no rank waits for one that only spins.
func (e *Endpoint) spin(was uint32) bool {
	load := e.w.cfg.Load
	for start := (time.Time{}); ; {
		rounds := 16 // a microsecond or two
		if load.busy.Load()+load.others.Load() > e.w.cores {
			rounds = 1
		}
		for range 64 * rounds {
			if e.seq.Load() != was || e.hasMail() {
				return true
			}
		}
		if start.IsZero() { // most waits are over before: they read no clock
			start = time.Now()
		} else if time.Since(start) > maxSpin {
			return false
		}
		yield()
	}
}

// park sleeps until seq is not what it was or a ring has a message, or for no reason.
func (e *Endpoint) park(was uint32) {
	load := &e.w.cfg.Load.busy
	load.Add(-1)
	e.parked.Store(1)
	if e.seq.Load() == was && !e.hasMail() {
		e.parker.park(&e.seq, was)
	}
	e.parked.Store(0)
	load.Add(1)
}
