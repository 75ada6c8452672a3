package node

import (
	"runtime"
	"sync"
)

// processors gives Go's scheduler one of its processors (GOMAXPROCS) for each rank, beside those it has. A rank needs one whenever it is in
// a call of the host, and after that keeps it until the scheduler's monitor takes it away, tens of microseconds after another rank
// began to want it. With one for each, a collective of more ranks than cores takes a third of the time.
type processors struct {
	mu    sync.Mutex
	ranks int
}

// ofProcess is the only one: GOMAXPROCS is the process's.
var ofProcess processors

// ranksPerCore is for how many ranks there are more processors. Each costs Go memory, and work in its collector.
const ranksPerCore = 8

// add counts ranks, or with a negative n those that have ended. Once there are none, GOMAXPROCS is what it is by default.
func (p *processors) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.more()
	p.ranks += n
	if after := p.more(); after == 0 {
		runtime.SetDefaultGOMAXPROCS()
	} else if after != before {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - before + after)
	}
}

func (p *processors) more() int { return min(p.ranks, ranksPerCore*runtime.NumCPU()) }
