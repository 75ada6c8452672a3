//go:build !linux

package match

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parker is where one goroutine sleeps.
type parker struct {
	mu   sync.Mutex
	cond *sync.Cond
}

// park sleeps until wake, unless the word is not what it was.
func (p *parker) park(word *atomic.Uint32, was uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cond == nil {
		p.cond = sync.NewCond(&p.mu)
	}
	if word.Load() == was {
		p.cond.Wait()
	}
}

// wake ends the sleep on the word, which was changed before.
func (p *parker) wake(*atomic.Uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cond != nil {
		p.cond.Broadcast()
	}
}

// yield lets another goroutine that is ready have the processor.
func yield() { runtime.Gosched() }
