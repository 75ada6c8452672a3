package node

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// expire ends a task at its deadline. Messages that it sent and that have not ended become
// failures; if it sent none, its own message does.
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

// cancelTasks aborts the tasks that peer sent for a request: those queued do not run, those that
// run are stopped, and the peers that they sent messages to are told.
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
		t.abort(mpi.Cancelled, "the request was cancelled")
	}
}

// cancelPeer aborts all tasks that a lost peer sent, or whose origin it is.
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
		t.abort(mpi.Cancelled, "the peer that asked for it is gone")
	}
}

// abort ends a task early.
func (t *task) abort(reason mpi.Reason, why string) {
	t.mu.Lock()
	sent := t.left > 0
	t.mu.Unlock()
	if sent {
		t.n.passOn(t, t.req)
	}
	t.finish(t.failure(reason, why))
}

// passOn drops the pending messages of an owner, tells the peers that have them that the request is
// cancelled, and returns the messages.
func (n *Node) passOn(w owner, id mpi.RequestID) []*outgoing {
	told := map[mpi.PeerID]bool{}
	dropped := n.pending.drop(w)
	n.outbox.drop(dropped)
	for _, o := range dropped {
		if !told[o.to] && !(o.index < 0 && o.to == id.Origin) {
			told[o.to] = true
			n.reply(o.to, frame.Cancel{Request: id})
		}
	}
	return dropped
}
