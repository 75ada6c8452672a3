package node

import (
	"container/list"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// queue holds tasks that wait for a handler slot. It is round-robin over the peers that they are
// charged to, and first in, first out for each peer, so that a peer that sends much delays mostly
// its own messages. A peer that has as many slots as the policy gives one waits until one of them
// is free; the node itself has any.
type queue struct {
	self   mpi.PeerID
	policy *policy.Policy

	mu      sync.Mutex
	more    *sync.Cond
	waiting map[mpi.PeerID]*peerLine // none empty
	turn    list.List                // of the *peerLine that may have a slot, next first
	running map[mpi.PeerID]int       // slots that each peer has; none is 0
	n       int
	shut    bool
}

// peerLine is the tasks of one peer, first to last.
type peerLine struct {
	peer  mpi.PeerID
	tasks list.List
	turn  *list.Element // in queue.turn; nil while the peer has all slots that it may
}

func (q *queue) init(self mpi.PeerID, p *policy.Policy) {
	q.self, q.policy = self, p
	q.more = sync.NewCond(&q.mu)
	q.running = map[mpi.PeerID]int{}
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
		if !q.full(t.account) {
			line.turn = q.turn.PushBack(line)
		}
		q.waiting[t.account] = line
	}
	t.turn = line.tasks.PushBack(t)
	q.n++
	q.more.Signal()
	return true
}

// full reports whether a peer has all slots that it may have. The caller holds the mutex.
func (q *queue) full(peer mpi.PeerID) bool {
	most := q.policy.Rules().HandlerSlots
	return most > 0 && peer != q.self && q.running[peer] >= most
}

// release gives back the slot of a task that pop returned.
func (q *queue) release(peer mpi.PeerID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[peer]--; q.running[peer] == 0 {
		delete(q.running, peer)
	}
	if line := q.waiting[peer]; line != nil && line.turn == nil && !q.full(peer) {
		line.turn = q.turn.PushBack(line)
		q.more.Signal()
	}
}

// pop waits for a task; false once the queue is closed. The caller then owes a release.
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
	q.running[line.peer]++
	if q.turn.MoveToBack(line.turn); q.full(line.peer) {
		q.turn.Remove(line.turn)
		line.turn = nil
	}
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
		if line.turn != nil {
			q.turn.Remove(line.turn)
		}
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
