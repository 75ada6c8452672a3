package node

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// receiveAnswer adds an answer to its request, or refuses it if the request is over or full. An
// answer that says which message it ends comes to nothing if that has ended: it was named as
// failed.
func (n *Node) receiveAnswer(from mpi.PeerID, d frame.Deliver) {
	n.mu.Lock()
	q := n.requests[d.Request]
	n.mu.Unlock()
	if q == nil {
		n.reply(from, frame.Refuse{ID: d.ID, Reason: mpi.Gone, Detail: "the request is over"})
		return
	}
	var ends *outgoing // what the answer ends
	if d.Ends != 0 {
		if ends = n.pending.take(from, d.Ends); ends == nil {
			n.reply(from, frame.Refuse{ID: d.ID, Reason: mpi.Gone, Detail: "the message that it answers has ended"})
			return
		}
	}
	n.answered(q, from, d, ends)
}

// answered gives an answer to its request. ends is the message that it ends, taken from pending;
// nil if it does not say.
func (n *Node) answered(q *request, from mpi.PeerID, d frame.Deliver, ends *outgoing) {
	why := q.answer(from, d, ends)
	if ends != nil {
		ends.owner.ended(ends, q.refusal(from, why, ends), 0)
	}
	if why != "" {
		n.reply(from, frame.Refuse{ID: d.ID, Reason: why, Detail: cannotHold})
		return
	}
	n.totals.answers.Add(1)
	if from == n.self {
		n.reply(from, frame.Accept{ID: d.ID})
	} else {
		n.heard.addAnswer(n, from, d.ID)
	}
}

const cannotHold = "the origin cannot hold the answer"

// refusal is the failure of an answer that the request does not take; none if it takes it, or has
// all answers that it expects. An answer that comes while the request is given up is too late for
// its message, which nobody else names.
func (q *request) refusal(from mpi.PeerID, why mpi.Reason, ends *outgoing) []mpi.Failure {
	switch why {
	case "":
		return nil
	case mpi.Gone:
		q.mu.Lock()
		defer q.mu.Unlock()
		if !q.givingUp || ends.owner != owner(q) {
			return nil
		}
		return []mpi.Failure{ends.failure(q.reason, q.why+" before the answer came")}
	}
	return []mpi.Failure{{Index: -1, Pid: q.pid, From: from, To: q.n.self, Reason: why, Detail: cannotHold}}
}

// answer takes an answer, or says why not. ends is as in [Node.answered].
func (q *request) answer(from mpi.PeerID, d frame.Deliver, ends *outgoing) mpi.Reason {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.credit(from, ends)
	}
	switch {
	case q.closed:
		return mpi.Gone
	case int64(len(d.Data)) > q.n.cfg.MaxMessage:
		return mpi.TooLarge
	case q.bytes+int64(len(d.Data)) > answersPerRequest*q.n.cfg.MaxMessage, len(q.answers) >= mpi.MaxBatch:
		return mpi.Busy
	}
	q.bytes += int64(len(d.Data))
	q.answers = append(q.answers, mpi.Message{Pid: q.pid, To: q.n.self, From: from, Data: d.Data})
	q.settle()
	return ""
}

// credit notes for which message an answer is. The caller holds the mutex.
func (q *request) credit(from mpi.PeerID, ends *outgoing) {
	if ends != nil && ends.owner == owner(q) {
		q.known = append(q.known, ends.index)
		return
	}
	if q.loose == nil {
		q.loose = map[mpi.PeerID]bool{}
	}
	q.loose[from] = true
}
