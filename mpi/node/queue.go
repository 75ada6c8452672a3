package node

import (
	"slices"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// queue holds tasks that wait for a handler slot. It is round-robin over the peers that sent them,
// and first in, first out for each peer, so that a peer that sends much delays mostly its own
// messages.
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
	line[0] = nil // the slice keeps the array alive, and with it the task
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

// remove removes a task, if it is queued.
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

// len returns the number of queued tasks.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// close makes every pop return false, now and later, and returns the tasks that were queued.
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
