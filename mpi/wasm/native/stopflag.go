package native

// #include "instance.h"
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// StopFlag stops instances. The zero value is ready for use, by any goroutine.
type StopFlag struct {
	mu      sync.Mutex
	set     bool
	one     *Instance              // the first instance that runs: most flags have one only
	running map[*Instance]struct{} // the others
}

// Set ends the instances that have the flag, now and from now on: those that compute at their next
// safepoint, the others when they come back from the host.
func (f *StopFlag) Set() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = true
	f.one.stop()
	for in := range f.running {
		in.stop()
	}
}

// stop sets the word at which the instance looks. The word exists while the flag has the instance.
func (in *Instance) stop() {
	if in != nil {
		atomic.StoreUint32((*uint32)(unsafe.Pointer(in.c.stop)), 1)
	}
}

// add adds an instance that is about to run, or reports that it must not.
func (f *StopFlag) add(in *Instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.set:
		return false
	case f.one == nil:
		f.one = in
		return true
	case f.running == nil:
		f.running = map[*Instance]struct{}{}
	}
	f.running[in] = struct{}{}
	return true
}

func (f *StopFlag) remove(in *Instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.one == in {
		f.one = nil
	}
	delete(f.running, in)
}

// empty reports whether no instance has the flag.
func (f *StopFlag) empty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.one == nil && len(f.running) == 0
}
