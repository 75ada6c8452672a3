package wasm

import (
	"sync"
	"time"
)

// Tick is the step of the epoch: how much later than its time a program may be stopped.
const Tick = 10 * time.Millisecond

// idleTicks is how long the ticker goes on when nothing runs, so that one short program after
// another does not start and stop it each time.
const idleTicks = 20

// maxTimeout bounds what an instance may ask for, and with it what runOut has to count.
const maxTimeout = 24 * time.Hour

// ticker advances the epoch while instances run. The zero value is ready once tick is set.
type ticker struct {
	tick func()
	wg   sync.WaitGroup // the goroutine

	mu     sync.Mutex
	live   int           // instances
	quit   chan struct{} // closed to end the goroutine; nil when there is none
	closed bool
}

// ticks is the deadline for a timeout, counted from any moment between two ticks.
func ticks(d time.Duration) uint64 { return uint64((d+Tick-1)/Tick) + 1 }

func (t *ticker) enter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live++
	if t.quit == nil && !t.closed {
		t.quit = make(chan struct{})
		t.wg.Add(1)
		go t.run(t.quit)
	}
}

func (t *ticker) leave() {
	t.mu.Lock()
	t.live--
	t.mu.Unlock()
}

// run counts by the clock, not by the ticks that come: when the machine is busy some are
// left out, and programs would get more time than they have.
func (t *ticker) run(quit chan struct{}) {
	defer t.wg.Done()
	beat := time.NewTicker(Tick)
	defer beat.Stop()
	last, idle := time.Now(), 0
	for {
		select {
		case <-quit:
			return
		case <-beat.C:
		}
		for ; time.Since(last) >= Tick; last = last.Add(Tick) {
			t.tick()
		}
		if idle++; idle > idleTicks && t.rest() {
			return
		}
		if t.busy() {
			idle = 0
		}
	}
}

func (t *ticker) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live > 0
}

// rest takes the goroutine out of service, unless something has come to run.
func (t *ticker) rest() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live > 0 || t.quit == nil {
		return false
	}
	t.quit = nil
	return true
}

// runOut advances the epoch past every deadline there can be, a second's work at most.
func (t *ticker) runOut() {
	for n := ticks(maxTimeout) + 1; n > 0 && t.busy(); {
		step := min(n, 4096)
		for range step {
			t.tick()
		}
		n -= step
	}
}

// close ends the goroutine and waits for it.
func (t *ticker) close() {
	t.mu.Lock()
	t.closed = true
	if t.quit != nil {
		close(t.quit)
		t.quit = nil
	}
	t.mu.Unlock()
	t.wg.Wait()
}
