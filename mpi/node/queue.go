package node

import (
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// queue holds tasks that wait for a slot: first come, first served for each origin, and the origins in turn, so
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
	origin := t.req.Origin
	if len(q.waiting[origin]) == 0 {
		q.turn = append(q.turn, origin)
	}
	q.waiting[origin] = append(q.waiting[origin], t)
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
	origin := q.turn[0]
	q.turn = q.turn[1:]
	line := q.waiting[origin]
	t := line[0]
	if len(line) > 1 {
		q.waiting[origin] = line[1:]
		q.turn = append(q.turn, origin)
	} else {
		delete(q.waiting, origin)
	}
	q.n--
	return t, true
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
