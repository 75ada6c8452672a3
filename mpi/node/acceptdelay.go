package node

import (
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// accepts tells senders that their messages were accepted, some time after they came, and many at
// once. Of messages for interpreters most have ended by then, and a Done says it too. One timer
// serves all messages of one kind: answers have another delay, and an accepts of their own.
type accepts struct {
	mu      sync.Mutex // guards the rest
	waiting []waitingAccept
	timer   *time.Timer // nil until the first message
	armed   bool        // the timer runs, or its function does
	shut    bool
}

type waitingAccept struct {
	due    time.Time
	task   *task        // nil for an answer
	answer frame.Accept // to an answer
	n      *Node        // that took the answer
	from   mpi.PeerID   // whose answer it is
}

// add has the task accepted in acceptDelay.
func (a *accepts) add(t *task) { a.wait(acceptDelay, waitingAccept{task: t}) }

// addAnswer has an answer of a peer accepted in answerDelay.
func (a *accepts) addAnswer(n *Node, from mpi.PeerID, id uint64) {
	a.wait(answerDelay, waitingAccept{answer: frame.Accept{ID: id}, n: n, from: from})
}

func (a *accepts) wait(delay time.Duration, w waitingAccept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shut {
		return
	}
	w.due = time.Now().Add(delay)
	a.waiting = append(a.waiting, w)
	switch {
	case a.armed:
	case a.timer == nil:
		a.timer = time.AfterFunc(delay, a.fire)
	default:
		a.timer.Reset(delay)
	}
	a.armed = true
}

// fire accepts the messages that are due.
func (a *accepts) fire() {
	a.mu.Lock()
	now := time.Now()
	n := 0
	for n < len(a.waiting) && !a.waiting[n].due.After(now) {
		n++
	}
	due := a.waiting[:n:n]
	// A list of its own for what is left: those that are due are not kept for its sake.
	a.waiting = append([]waitingAccept(nil), a.waiting[n:]...)
	if a.armed = len(a.waiting) > 0 && !a.shut; a.armed {
		a.timer.Reset(a.waiting[0].due.Sub(now))
	}
	a.mu.Unlock()
	for _, w := range due {
		if w.task != nil {
			w.task.accept()
		} else {
			w.n.reply(w.from, w.answer)
		}
	}
}

// close has nothing accepted any more.
func (a *accepts) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shut = true
	a.waiting = nil
	if a.timer != nil {
		a.timer.Stop()
	}
}
