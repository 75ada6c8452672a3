package match

// Standing is what the ranks of a node do at one moment.
type Standing struct {
	// Idle says that each rank of the node has ended or is parked in Wait, and that nothing on the
	// node is about to wake one. Only a packet of another node, or the end of the job, changes
	// that.
	Idle bool
	// Epoch grows whenever a rank begins or ceases to wait. If it is the same in two standings that
	// are both idle, no rank of the node ran between them.
	Epoch   uint64
	Waiting []Waiting // as in World.Waiting
}

// Standing returns what the ranks do. Any goroutine may call it. It stops no rank: the ranks note
// when they park, which they do seldom, and nothing else.
//
// That nothing is about to happen is seen in this order: the epoch; no pump, and no task of any
// rank; then each rank, parked with all that it was notified of seen; then the same epoch again. So
// all ranks were parked all the time, no goroutine of the world was at work when the ranks were
// looked at, and parked ranks start none. Packets that are being received are the caller's to
// count: only they can have changed something.
func (w *World) Standing() Standing {
	s := Standing{Epoch: w.epoch()}
	s.Idle = w.rests()
	for _, e := range w.local {
		s.Idle = s.Idle && e.stuck()
	}
	s.Waiting = w.Waiting()
	s.Idle = s.Idle && !w.Over() && w.epoch() == s.Epoch
	return s
}

func (w *World) epoch() (n uint64) {
	for _, e := range w.local {
		n += e.parks.Load()
	}
	return n
}

// rests reports whether no goroutine of the world is at work, and no task waits for one.
func (w *World) rests() bool {
	w.mu.Lock()
	pumps := len(w.pumps)
	w.mu.Unlock()
	if pumps > 0 {
		return false
	}
	for _, e := range w.local {
		t := &e.tasks
		t.mu.Lock()
		busy := !t.ended && (t.running || len(t.any)+len(t.own) > 0)
		t.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// stuck reports whether the rank has ended, or is parked in Wait and was woken by nothing.
func (e *Endpoint) stuck() bool {
	if e.ended.Load() {
		return true
	}
	if e.parks.Load()%2 == 0 || e.seq.Load() != e.parkedAt.Load() || e.hasMail() {
		return false
	}
	e.waiting.mu.Lock()
	defer e.waiting.mu.Unlock()
	return !e.waiting.why.Since.IsZero()
}

// Ended reports whether a rank has ended.
func (w *World) Ended(rank int) bool { return w.endpoints[rank].ended.Load() }
