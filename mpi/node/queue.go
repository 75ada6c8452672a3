package node

import (
	"slices"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// queue holds tasks that wait for a slot: first come, first served for each peer that sent them, and the peers in turn, so
// that one that sends much delays its own messages most.
type queue struct {
	mu      sync.Mutex
	more    *sync.Cond
	waiting map[mpi.PeerID][]*task // no empty lists
	turn    []mpi.PeerID           // the keys of waiting, next first
	n       int
	shut    bool
}

func (q *queue) init() {
	q.more = sync.NewCond(&q.mu)
	q.waiting = map[mpi.PeerID][]*task{}
}

// push adds a task; false if the queue is closed.
func (q *queue) push(t *task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shut {
		return false
	}
	if len(q.waiting[t.from]) == 0 {
		q.turn = append(q.turn, t.from)
	}
	q.waiting[t.from] = append(q.waiting[t.from], t)
	t.queued = true
	q.n++
	q.more.Signal()
	return true
}

// pop waits for a task; false once the queue is closed.
func (q *queue) pop() (*task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.turn) == 0 && !q.shut {
		q.more.Wait()
	}
	if q.shut {
		return nil, false
	}
	peer := q.turn[0]
	q.turn = q.turn[1:]
	line := q.waiting[peer]
	t := line[0]
	line[0] = nil // so that it is not kept for the sake of the others
	if len(line) > 1 {
		q.waiting[peer] = line[1:]
		q.turn = append(q.turn, peer)
	} else {
		delete(q.waiting, peer)
	}
	q.n--
	t.queued = false
	return t, true
}

// remove takes a task out that is not to be run any more.
func (q *queue) remove(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.queued || q.shut {
		return
	}
	t.queued = false
	q.n--
	line := slices.DeleteFunc(q.waiting[t.from], func(x *task) bool { return x == t })
	if len(line) > 0 {
		q.waiting[t.from] = line
		return
	}
	delete(q.waiting, t.from)
	q.turn = slices.DeleteFunc(q.turn, func(p mpi.PeerID) bool { return p == t.from })
}

// len is how many tasks wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// close ends every pop, now and later, and returns what still waits.
func (q *queue) close() []*task {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shut = true
	q.more.Broadcast()
	var rest []*task
	for _, line := range q.waiting {
		rest = append(rest, line...)
	}
	q.waiting, q.turn, q.n = nil, nil, 0
	return rest
}
