package ranks

import (
	"runtime"
	"sync"
)

// processors implements [Processors]. It gives Go's scheduler one more processor (GOMAXPROCS) for
// each rank that runs. A rank needs one whenever it is in a call of the host, and keeps it
// after that until the scheduler's monitor takes it away, tens of microseconds after another rank
// began to want it. With one for each rank, a collective of more ranks than cores takes a third of
// the time.
type processors struct {
	mu    sync.Mutex
	ranks int
	usual int // GOMAXPROCS without ranks, as its owner has set it
}

// GOMAXPROCS adapts the number of Go's processors. There is one for the process.
var GOMAXPROCS Processors = new(processors)

// ranksPerCore bounds the ranks that get a processor: as many as may spin while they wait (package
// match). Each processor costs Go memory, and work in its collector.
const ranksPerCore = 8

// Add implements [Processors]. Once there are no ranks, GOMAXPROCS is what it was.
func (p *processors) Add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ranks == 0 {
		p.usual = runtime.GOMAXPROCS(0)
	}
	p.ranks += n
	want := p.usual + min(p.ranks, ranksPerCore*runtime.NumCPU())
	if p.ranks == 0 {
		// which goes on to follow the machine, if that is what there was
		runtime.SetDefaultGOMAXPROCS()
	}
	if runtime.GOMAXPROCS(0) != want {
		runtime.GOMAXPROCS(want)
	}
}

// Cores implements [Processors]: as many ranks run at once as Go code did without them.
func (p *processors) Cores() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ranks == 0 {
		return min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	}
	return min(runtime.NumCPU(), p.usual)
}
