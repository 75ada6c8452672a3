package native

// #include "instance.h"
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// Brake stops instances. The zero value is ready for use, by any goroutine.
type Brake struct {
	mu      sync.Mutex
	pulled  bool
	running map[*Instance]struct{} // their words exist as long as they are in here
}

// Pull ends the instances that have the brake, now and from now on: those that compute at their next safepoint, the others when they
// come back from the host.
func (b *Brake) Pull() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pulled = true
	for in := range b.running {
		atomic.StoreUint32((*uint32)(unsafe.Pointer(in.c.stop)), 1)
	}
}

// hold adds an instance that is about to run, or reports that it must not.
func (b *Brake) hold(in *Instance) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pulled {
		return false
	}
	if b.running == nil {
		b.running = map[*Instance]struct{}{}
	}
	b.running[in] = struct{}{}
	return true
}

func (b *Brake) release(in *Instance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, in)
}
