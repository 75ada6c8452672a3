package match

import (
	"sync/atomic"
	"time"
)

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
// message and the next, which they wake from slowly, and no rank waits for one that only spins: on
// a busy machine the one that it waits for may be ready to run on its own core.
func (e *Endpoint) spin(was uint32) bool {
	load := e.w.cfg.Load
	var rings emptyRings
	if !rings.of(e) {
		return true
	}
	for start := (time.Time{}); ; {
		looks := 1024 // a microsecond or two
		if load.busy.Load()+load.others.Load() > e.w.cores {
			looks = 64
		}
		if e.looks(was, &rings, looks) {
			return true
		}
		if start.IsZero() { // most waits are over before: they read no clock
			start = time.Now()
		} else if time.Since(start) > maxSpin {
			return false
		}
		yield()
	}
}

// looks looks at seq so many times, or less often at seq and rings, which takes as long. It reports
// whether seq changed from was, or a ring has a message.
func (e *Endpoint) looks(was uint32, rings *emptyRings, n int) bool {
	for range max(n/(1+2*rings.n), 1) {
		if e.seq.Load() != was || rings.filled() {
			return true
		}
	}
	return false
}

// emptyRings is what a rank that spins looks at: a word for each ring. It does not see rings that
// are made meanwhile; the rank is notified of those.
type emptyRings struct {
	n       int
	numbers [maxRings]*atomic.Uint32 // of the slots that the next messages go to
	was     [maxRings]uint32         // what they are until then
}

// of looks for the rings of e, and reports whether they are all empty.
func (x *emptyRings) of(e *Endpoint) bool {
	rings := e.rings.Load()
	if rings == nil {
		return true
	}
	for i := range *rings {
		g := (*rings)[i].ring
		head := g.head.Load()
		number := &g.slots[head&uint32(len(g.slots)-1)].number
		x.numbers[i], x.was[i] = number, number.Load()
		if x.was[i] == head+1 || g.head.Load() != head { // or somebody takes messages out just now
			return false
		}
	}
	x.n = len(*rings)
	return true
}

// filled reports whether a message came into one of the rings.
func (x *emptyRings) filled() bool {
	for i := range x.n {
		if x.numbers[i].Load() != x.was[i] {
			return true
		}
	}
	return false
}

// park sleeps until seq is not what it was or a ring has a message, or for no reason.
func (e *Endpoint) park(was uint32) {
	load := &e.w.cfg.Load.busy
	load.Add(-1)
	e.parks.Add(1)
	e.parkedAt.Store(was)
	e.parked.Store(1)
	if e.seq.Load() == was && !e.hasMail() {
		e.parker.park(&e.seq, was)
	}
	e.parks.Add(1)
	e.parked.Store(0)
	load.Add(1)
}
