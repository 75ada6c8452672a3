package ranks

import (
	"runtime"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/burst"
)

// pace is how packets follow each other. Guarded by lane.mu. A packet that is alone is given to the
// owner at once. Those of a burst gather: a goroutine gives it what is there by the time that it
// runs.
type pace struct {
	burst.Pace
	gathering bool // a goroutine will flush
}

// flushSoon is flush, by another goroutine if packets of a burst are to be gathered. mu is held.
func (l *lane) flushSoon() {
	switch {
	case l.pace.gathering || l.calling:
	case !l.g.cfg.Gather || l.pace.Alone() || !l.g.gather(l):
		l.flush()
	default:
		l.pace.gathering = true
	}
}

// maxBursts is how many lanes may wait for flushBursts.
const maxBursts = 64

// gather has a goroutine flush a lane. It is false if too many wait for it.
func (g *group) gather(l *lane) bool {
	select {
	case g.bursts <- l:
		return true
	default:
		return false
	}
}

// flushBursts flushes lanes until the group is closed.
func (g *group) flushBursts() {
	for {
		select {
		case l := <-g.bursts:
			l.mu.Lock()
			l.pace.gathering = false
			l.flush()
			l.mu.Unlock()
		case <-g.ctx.Done():
			return
		}
	}
}

// flushAll gives the owner all packets for which there is credit, also those that another goroutine
// is about to give it.
func (g *group) flushAll() {
	if g.bursts == nil {
		return
	}
	for i := range g.lanes {
		for l := g.lanes[i].Load(); l != nil && l.flushes(); {
			runtime.Gosched() // a call of the owner does not block
		}
	}
}

// flushes flushes a lane, and reports whether another goroutine is doing that.
func (l *lane) flushes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return l.calling
}
