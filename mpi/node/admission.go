package node

import (
	"context"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// receiveMessage admits a message for an interpreter of this node, or refuses it. It is charged to
// account: the peer that sent it, or whose message had an interpreter here send it.
func (n *Node) receiveMessage(from, account mpi.PeerID, d frame.Deliver) {
	t, why, detail := n.admitTask(from, account, d)
	if t == nil {
		n.totals.refused.Add(1)
		n.reply(from, frame.Refuse{ID: d.ID, Reason: why, Detail: detail})
		return
	}
	n.totals.delivered.Add(1)
	if from == n.self {
		t.accept()
	} else {
		n.accepts.add(t)
	}
	t.program.enqueue(t)
}

// accept sends the Accept of the message, unless one or the Done was sent.
func (t *task) accept() {
	t.mu.Lock()
	said := t.said || t.over // a Done implies it
	t.said = true
	t.mu.Unlock()
	if !said {
		t.n.reply(t.from, frame.Accept{ID: t.id})
	}
}

// admitTask makes the task of a message, within what the node may hold for its account and for all;
// nil with the reason if it cannot be.
func (n *Node) admitTask(from, account mpi.PeerID, d frame.Deliver) (*task, mpi.Reason, string) {
	if n.closed.Load() {
		return nil, mpi.Stopping, stopping
	}
	if d.Request.Origin != n.self && !n.cfg.Admit(d.Request.Origin) {
		return nil, mpi.Refused, "the node does not work for this origin"
	}
	if account != n.self {
		if why := n.cfg.Policy.Quiet(account); why != "" {
			return nil, mpi.Refused, why
		}
		if why := n.cfg.Policy.Message(account); why != "" {
			return nil, mpi.Busy, why
		}
	}
	if int64(len(d.Data)) > n.cfg.MaxMessage {
		return nil, mpi.TooLarge, fmt.Sprintf("%d bytes are over the node's limit of %d", len(d.Data), n.cfg.MaxMessage)
	}
	room := int64(len(d.Data)) + 1<<10
	if err := n.budget.take(account, room); err != nil {
		return nil, mpi.Busy, err.Error()
	}
	p, why, detail := n.programs.find(d.Program, account == n.self)
	if p == nil {
		n.budget.give(account, room)
		return nil, why, detail
	}
	t := &task{
		n: n, from: from, account: account, id: d.ID, req: d.Request, program: p, pid: d.Pid, data: d.Data, room: room,
		deadline: time.Now().Add(min(max(d.Budget, 0), mpi.MaxTimeout)),
	}
	t.ctx, t.cancel = context.WithCancel(n.ctx)
	t.expiry = time.AfterFunc(time.Until(t.deadline)+expiryMargin, t.expire)
	n.mu.Lock()
	t.index = len(n.tasks[t.req])
	n.tasks[t.req] = append(n.tasks[t.req], t)
	n.mu.Unlock()
	return t, "", ""
}
