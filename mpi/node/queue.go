package node

import (
	"container/list"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// queue holds tasks that wait for a handler slot. It is round-robin over the peers that they are
// charged to, and first in, first out for each peer, so that a peer that sends much delays mostly
// its own messages.
type queue struct {
	mu      sync.Mutex
	more    *sync.Cond
	waiting map[mpi.PeerID]*peerLine // none empty
	turn    list.List                // of the *peerLine, next first
	n       int
	shut    bool
}

// peerLine is the tasks of one peer, first to last.
type peerLine struct {
	peer  mpi.PeerID
	tasks list.List
	turn  *list.Element // in queue.turn
}

func (q *queue) init() {
	q.more = sync.NewCond(&q.mu)
	q.waiting = map[mpi.PeerID]*peerLine{}
}

// push adds a task; false if the queue is closed.
func (q *queue) push(t *task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shut {
		return false
	}
	line := q.waiting[t.account]
	if line == nil {
		line = &peerLine{peer: t.account}
		line.turn = q.turn.PushBack(line)
		q.waiting[t.account] = line
	}
	t.turn = line.tasks.PushBack(t)
	q.n++
	q.more.Signal()
	return true
}

// pop waits for a task; false once the queue is closed.
func (q *queue) pop() (*task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.turn.Len() == 0 && !q.shut {
		q.more.Wait()
	}
	if q.shut {
		return nil, false
	}
	line := q.turn.Front().Value.(*peerLine)
	t := line.tasks.Front().Value.(*task)
	q.turn.MoveToBack(line.turn)
	q.cut(line, t)
	return t, true
}

// cut takes a task out of its peer's line. The caller holds the mutex.
func (q *queue) cut(line *peerLine, t *task) {
	line.tasks.Remove(t.turn)
	t.turn = nil
	q.n--
	if line.tasks.Len() == 0 {
		delete(q.waiting, line.peer)
		q.turn.Remove(line.turn)
	}
}

// remove removes a task, if it is queued.
func (q *queue) remove(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.turn != nil && !q.shut {
		q.cut(q.waiting[t.account], t)
	}
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
		for e := line.tasks.Front(); e != nil; e = e.Next() {
			rest = append(rest, e.Value.(*task))
		}
	}
	q.waiting, q.n = nil, 0
	q.turn.Init()
	return rest
}
