package node

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// expire ends a task when the request's time is up, wherever it is: what it sent and what has no end yet is named, or else the
// message itself, which nobody came to.
func (t *task) expire() {
	const why = "the request's time was up"
	dropped := t.n.passOn(t, t.req)
	t.mu.Lock()
	sent := t.left > 0
	for _, o := range dropped {
		t.note([]mpi.Failure{o.failure(mpi.TimedOut, why)}, 0)
	}
	t.mu.Unlock()
	if sent {
		t.finish()
	} else {
		t.finish(t.failure(mpi.TimedOut, why))
	}
}

// cancelTasks drops what peer sent for a request: what waits is not run, what runs ends at its next call to the host, and whoever it
// sent messages to is told.
func (n *Node) cancelTasks(peer mpi.PeerID, id mpi.RequestID) {
	n.mu.Lock()
	var list []*task
	for _, t := range n.tasks[id] {
		if t.from == peer {
			list = append(list, t)
		}
	}
	n.mu.Unlock()
	for _, t := range list {
		t.abort("the request was cancelled")
	}
}

// cancelPeer drops all tasks that a peer which is gone sent, or began: nobody is left to hear of their end.
func (n *Node) cancelPeer(peer mpi.PeerID) {
	n.mu.Lock()
	var list []*task
	for id, tasks := range n.tasks {
		for _, t := range tasks {
			if id.Origin == peer || t.from == peer {
				list = append(list, t)
			}
		}
	}
	n.mu.Unlock()
	for _, t := range list {
		t.abort("the peer that asked for it is gone")
	}
}

func (t *task) abort(why string) {
	t.mu.Lock()
	sent := t.left > 0
	t.mu.Unlock()
	if sent {
		t.n.passOn(t, t.req)
	}
	t.finish(t.failure(mpi.Cancelled, why))
}

// passOn drops what an owner sent and tells those it was sent to that the request is cancelled. It returns what it dropped.
func (n *Node) passOn(w owner, id mpi.RequestID) []*outgoing {
	told := map[mpi.PeerID]bool{}
	dropped := n.pending.drop(w)
	for _, o := range dropped {
		if !told[o.to] && !(o.index < 0 && o.to == id.Origin) {
			told[o.to] = true
			n.reply(o.to, frame.Cancel{Request: id})
		}
	}
	return dropped
}
