package match

import (
	"sync"
	"sync/atomic"
)

// tasks are what is to be run for an endpoint, one at a time.
type tasks struct {
	mu      sync.Mutex
	any     []func()
	own     []func() // only by the owner
	running bool     // one is run
	helped  bool     // by a goroutine of the world
	ended   bool     // no more are
	idle    sync.Cond

	n       atomic.Int32 // of any and own, to look without mu
	waiting atomic.Int32 // the owner is in Wait or Poll, and runs tasks
}

// Schedule gives the endpoint a task to run soon, one at a time: by the rank itself if it waits or
// polls, or else by a goroutine of the world. With own only the rank itself may run it: it calls
// back into the guest. Any goroutine may call it, holding no lock.
func (e *Endpoint) Schedule(task func(), own bool) {
	t := &e.tasks
	t.mu.Lock()
	if own {
		t.own = append(t.own, task)
	} else {
		t.any = append(t.any, task)
	}
	t.n.Add(1)
	t.mu.Unlock()
	if t.waiting.Load() != 0 {
		e.notify()
	} else if !own {
		e.help()
	}
}

// help has a goroutine of the world run the tasks, if nobody does.
func (e *Endpoint) help() {
	t := &e.tasks
	t.mu.Lock()
	start := !t.running && !t.ended && len(t.any) > 0
	t.running, t.helped = t.running || start, t.helped || start
	t.mu.Unlock()
	if start && !e.w.spawn(e.work) {
		e.rest()
	}
}

// work runs tasks until there are none, or the owner can.
func (e *Endpoint) work() {
	t := &e.tasks
	defer func() { // also when a task panics
		e.rest()
		if t.waiting.Load() == 0 && t.n.Load() > 0 {
			e.help()
		}
	}()
	for t.waiting.Load() == 0 {
		t.mu.Lock()
		task := t.take(&t.any)
		t.mu.Unlock()
		if task == nil {
			break
		}
		task()
	}
}

// rest ends running, and tells those who wait for it. The owner is told with mu held: whoever sees
// that no task runs also sees that what the last one did is news to the owner ([World.Standing]).
func (e *Endpoint) rest() {
	e.tasks.mu.Lock()
	defer e.tasks.mu.Unlock()
	e.tasks.running, e.tasks.helped = false, false
	e.tasks.idle.Broadcast()
	e.notify()
}

// take is the next of the list, nil if there is none. mu is held.
func (t *tasks) take(list *[]func()) func() {
	if len(*list) == 0 || t.ended {
		return nil
	}
	task := (*list)[0]
	(*list)[0] = nil
	if *list = (*list)[1:]; len(*list) == 0 {
		*list = nil
	}
	t.n.Add(-1)
	return task
}

// run runs the tasks that are there, by the owner, and reports whether it ran any.
func (e *Endpoint) run() bool {
	t := &e.tasks
	ran := false
	for {
		t.mu.Lock()
		if t.running && !ran {
			t.mu.Unlock()
			return false
		}
		task := t.take(&t.any)
		if task == nil {
			task = t.take(&t.own)
		}
		t.running = task != nil
		t.mu.Unlock()
		if task == nil {
			return ran
		}
		task()
		ran = true
	}
}

// Wait runs tasks until ready reports true, or returns the error that the world was aborted with,
// or that this rank failed with. ready is called again after each request of this endpoint that
// completes, each task, and each message that comes after a probe found none. Wait spins for a
// while, then parks.
func (e *Endpoint) Wait(ready func() bool) error {
	if err := e.err(); err != nil {
		return err
	}
	if e.tasks.n.Load() == 0 {
		if ready() {
			return nil
		}
		if e.hasMail() {
			e.collectOwn()
			if ready() {
				return nil
			}
		}
	}
	before := e.tasks.waiting.Swap(1)
	e.unpublish() // what a call waits for that runs this one in a callback
	defer e.leave(before)
	for {
		seq := e.seq.Load()
		if err := e.err(); err != nil {
			return err
		}
		if e.tasks.n.Load() > 0 && e.run() {
			continue
		}
		if e.hasMail() {
			e.collectOwn()
		}
		if ready() {
			return nil
		}
		if e.spins(seq) {
			continue
		}
		if !e.published {
			e.publish()
		}
		e.park(seq)
	}
}

// Break makes Wait and Poll return err, now and later: a task that called back into the guest ended
// the rank. It belongs to the rank's goroutine.
func (e *Endpoint) Break(err error) { e.broken = err }

// Over reports whether the world was aborted, or this rank has failed; any goroutine may ask.
func (e *Endpoint) Over() bool { return e.w.Over() || e.w.rankError(e.rank) != nil }

// Err is what Wait and Poll would return now, for calls that go on for long without them. It is for
// the rank's goroutine.
func (e *Endpoint) Err() error { return e.err() }

func (e *Endpoint) err() error {
	if e.broken != nil {
		return e.broken
	}
	if err := e.w.err(); err != nil {
		return err
	}
	return e.ownFailure()
}

// leave ends Wait or Poll: what tasks are left are for others.
func (e *Endpoint) leave(before int32) {
	e.unpublish()
	e.tasks.waiting.Store(before)
	if before != 0 {
		return
	}
	e.collectWatched()
	if e.tasks.n.Load() > 0 {
		e.help()
	}
}

// collectWatched delivers what is in the rings if a task is to follow a request and the rank does
// not wait: from now on senders do that.
func (e *Endpoint) collectWatched() {
	if e.watched.Load() != 0 && e.tasks.waiting.Load() == 0 && e.hasMail() {
		e.collect()
	}
}

// WaitFor is Wait for one request.
func (e *Endpoint) WaitFor(r *Request) error { return e.Wait(r.Done) }

// Poll runs the tasks that are there, without waiting, and returns the error the world was aborted
// with, if it was.
func (e *Endpoint) Poll() error {
	if err := e.err(); err != nil {
		return err
	}
	if e.hasMail() {
		e.collectOwn()
	}
	if e.tasks.n.Load() > 0 {
		before := e.tasks.waiting.Swap(1)
		e.run()
		e.leave(before)
	}
	return nil
}

// notify makes the owner check again if it waits.
func (e *Endpoint) notify() {
	e.seq.Add(1)
	if e.parked.Load() != 0 {
		e.parker.wake(&e.seq)
	}
}
