package job

import "sync"

// load is the ranks that run on this node. Each group of ranks is told how many others there are.
type load struct {
	mu    sync.Mutex
	ranks map[*hosted]int
	total int
}

// add counts the ranks of a part that start.
func (l *load) add(p *hosted, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ranks == nil {
		l.ranks = map[*hosted]int{}
	}
	l.ranks[p] = n
	l.total += n
	l.tell()
}

// remove counts out the ranks of a part, which have ended.
func (l *load) remove(p *hosted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total -= l.ranks[p]
	delete(l.ranks, p)
	l.tell()
}

// tell tells all groups how many ranks they are not alone with. mu is held.
func (l *load) tell() {
	for p, n := range l.ranks {
		if g := p.group.Load(); g != nil {
			(*g).Load(l.total - n)
		}
	}
}
