package native

import (
	"sync"
	"sync/atomic"
)

// instances knows the instances of the process by number, which is all that C holds of them: a
// callback from C has nothing of Go to begin at. It is what runtime/cgo.Handle is, which takes a
// quarter of the time of a call.
var instances registry

// maxInstances bounds a registry.
const maxInstances = chunk*chunk - 1

const chunk = 1 << 8

// registry gives numbers from 1. A look takes no lock.
type registry struct {
	chunks [chunk]atomic.Pointer[[chunk]atomic.Pointer[Instance]]

	mu   sync.Mutex
	free []uint32
	used uint32 // the highest number given out
}

// add returns 0 if there is no number left.
func (r *registry) add(in *Instance) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := uint32(0)
	if last := len(r.free) - 1; last >= 0 {
		n, r.free = r.free[last], r.free[:last]
	} else if r.used == maxInstances {
		return 0
	} else {
		r.used++
		n = r.used
	}
	c := r.chunks[n/chunk].Load()
	if c == nil {
		c = new([chunk]atomic.Pointer[Instance])
		r.chunks[n/chunk].Store(c)
	}
	c[n%chunk].Store(in)
	return n
}

func (r *registry) get(n uint32) *Instance { return r.chunks[n/chunk].Load()[n%chunk].Load() }

func (r *registry) remove(n uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks[n/chunk].Load()[n%chunk].Store(nil)
	r.free = append(r.free, n)
}
