//go:build linux

package netlab

import (
	"container/heap"
	"sync"
	"time"
)

// flight is a packet under way.
type flight struct {
	at       time.Time // when it arrives
	number   uint64    // in the order of sending
	from, to *Node
	packet   []byte
}

// air holds the packets that are under way and delivers each in time. Those of the same time arrive
// in the order of sending.
type air struct {
	deliver func(flight)
	wake    chan struct{} // has one value when the earliest packet is another, or at the end
	wg      sync.WaitGroup

	mu    sync.Mutex // guards what follows
	queue flights
	sent  uint64
	ended bool
}

func newAir(deliver func(flight)) *air {
	a := &air{deliver: deliver, wake: make(chan struct{}, 1)}
	a.wg.Go(a.run)
	return a
}

func (a *air) close() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.poke()
	a.wg.Wait()
}

func (a *air) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *air) add(f flight) {
	a.mu.Lock()
	a.sent++
	f.number = a.sent
	heap.Push(&a.queue, f)
	first := a.queue[0].number == f.number
	a.mu.Unlock()
	if first {
		a.poke()
	}
}

func (a *air) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait, ended := a.next(time.Now())
		if ended {
			return
		}
		for _, f := range due {
			a.deliver(f)
		}
		if len(due) > 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-a.wake:
		}
	}
}

// next takes what is due, or says how long nothing is.
func (a *air) next(now time.Time) (due []flight, wait time.Duration, ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) > 0 && !a.queue[0].at.After(now) {
		due = append(due, heap.Pop(&a.queue).(flight))
	}
	wait = time.Hour
	if len(a.queue) > 0 {
		wait = a.queue[0].at.Sub(now)
	}
	return due, wait, a.ended
}

// flights is a heap, the earliest first.
type flights []flight

func (q flights) Len() int      { return len(q) }
func (q flights) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q flights) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].number < q[j].number
	}
	return q[i].at.Before(q[j].at)
}
func (q *flights) Push(f any) { *q = append(*q, f.(flight)) }
func (q *flights) Pop() any {
	last := len(*q) - 1
	f := (*q)[last]
	(*q)[last] = flight{}
	*q = (*q)[:last]
	return f
}
