package job

import "sync"

// room bounds the bytes of the files that all ranks of a node have written and that are still in memory.
type room struct {
	mu   sync.Mutex
	used int64
}

// share is what one job has of a room, whose mutex guards it. No job has all of it, and what others run here leaves some of it to the
// jobs of this node.
type share struct {
	of   *room
	own  bool // the job is this node's
	held int64
}

// lease is what one rank has of its job's share. It is guarded too: a program may still be in a call after its rank was ended.
type lease struct {
	of    *share
	held  int64
	ended bool
}

// take asks for n bytes more, or gives back -n.
func (l *lease) take(n int64) bool {
	share, room := l.of, l.of.of
	room.mu.Lock()
	defer room.mu.Unlock()
	most := int64(maxFiles)
	if !share.own {
		most -= maxFiles / 4
	}
	if l.ended || n > 0 && (n > maxJobRoom-share.held || n > most-room.used) {
		return false
	}
	l.add(n)
	return true
}

func (l *lease) add(n int64) {
	l.held += n
	l.of.held += n
	l.of.of.used += n
}

// end gives back all that is left.
func (l *lease) end() {
	room := l.of.of
	room.mu.Lock()
	defer room.mu.Unlock()
	l.add(-l.held)
	l.ended = true
}
