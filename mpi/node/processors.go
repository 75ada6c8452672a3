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
	usual int // GOMAXPROCS without ranks, as its owner has set it
}

// ofProcess is the only one: GOMAXPROCS is the process's.
var ofProcess processors

// ranksPerCore is for how many ranks there are more processors: for all that may look while they wait (crowd of package match). Each costs Go
// memory, and work in its collector.
const ranksPerCore = 8

// add counts ranks, or with a negative n those that have ended. Once there are none, GOMAXPROCS is what it was.
func (p *processors) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ranks == 0 {
		p.usual = runtime.GOMAXPROCS(0)
	}
	p.ranks += n
	want := p.usual + min(p.ranks, ranksPerCore*runtime.NumCPU())
	if p.ranks == 0 {
		runtime.SetDefaultGOMAXPROCS() // which goes on to follow the machine, if that is what there was
	}
	if runtime.GOMAXPROCS(0) != want {
		runtime.GOMAXPROCS(want)
	}
}

// cores is how many ranks may run at once: as many as Go code without them.
func (p *processors) cores() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ranks == 0 {
		return min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	}
	return min(runtime.NumCPU(), p.usual)
}
