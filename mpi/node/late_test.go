package node

import (
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// sentTo registers a request with one message for each index, which is never sent.
func sentTo(n testNode, to mpi.PeerID, messages int) (*request, []*outgoing, []mpi.Message) {
	r := mpi.Request{Pid: 5, Expected: messages, Timeout: time.Hour}
	for range messages {
		r.Messages = append(r.Messages, mpi.Message{Pid: 5, From: n.Self(), To: to})
	}
	q := n.open(&r)
	var list []*outgoing
	for i := range messages {
		o := &outgoing{owner: q, index: i, pid: 5, from: n.Self(), to: to, request: q.id, deadline: q.deadline}
		n.pending.add(o)
		list = append(list, o)
	}
	return q, list, r.Messages
}

// An answer that was under way as the request was given up is not in the result: its message is
// named, though the same peer answered another one.
func TestAnswerAsTimeIsUp(t *testing.T) {
	a := start(t, 1)[0]
	const b = mpi.PeerID("b")
	q, out, msgs := sentTo(a, b, 3)
	defer a.close(q)
	answer := func(o *outgoing) frame.Deliver {
		return frame.Deliver{ID: 1, Request: q.id, Answer: true, Ends: o.id, Data: mpi.Bytes("x")}
	}
	first := answer(out[0])
	a.answered(q, b, first, a.pending.take(b, first.Ends))
	late := answer(out[1])
	taken := a.pending.take(b, late.Ends)
	gaveUp := make(chan bool)
	go func() { gaveUp <- q.giveUp(mpi.TimedOut, "time was up") }()
	await(t, a, func() bool { q.mu.Lock(); defer q.mu.Unlock(); return q.givingUp })
	a.answered(q, b, late, taken)
	if !<-gaveUp {
		t.Fatal("it ended by itself")
	}
	res := q.named(msgs)
	named := map[int]mpi.Reason{}
	for _, f := range res.Failures {
		named[f.Index] = f.Reason
	}
	if len(res.Messages) != 1 || len(res.Failures) != 2 || named[1] != mpi.TimedOut || named[2] != mpi.TimedOut {
		t.Errorf("%+v", res)
	}
}

// A request that has all its answers is not given up, however late its timer is looked at.
func TestAnsweredRequestIsNotGivenUp(t *testing.T) {
	a := start(t, 1)[0]
	const b = mpi.PeerID("b")
	q, out, _ := sentTo(a, b, 1)
	defer a.close(q)
	d := frame.Deliver{ID: 1, Request: q.id, Answer: true, Ends: out[0].id, Data: mpi.Bytes("x")}
	a.answered(q, b, d, a.pending.take(b, d.Ends))
	if q.giveUp(mpi.TimedOut, "time was up") {
		t.Error("given up")
	}
	if res, err := q.result(mpi.Interpreter{}); err != nil || len(res.Messages) != 1 || len(res.Failures) != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

// Of two messages to one peer the one is named that it did not answer.
func TestMissingAnswerBesideAnother(t *testing.T) {
	nodes := start(t, 2)
	got, err := do(t, nodes[0], nodes[1].Self(), "echo 1", "silent")
	if code(err) != mpi.CodeFailed || len(got.Messages) != 1 || len(got.Failures) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if f := got.Failures[0]; f.Index != 1 || f.Reason != mpi.NoAnswer {
		t.Errorf("%+v", f)
	}
}

// What this process was stopped for is not of a request's grace, and a request that has ended is
// not kept for it.
func TestGraceWhileStopped(t *testing.T) {
	a := start(t, 1)[0]
	const b = mpi.PeerID("b")
	r := mpi.Request{Pid: 5, Expected: 1, Timeout: time.Hour, Grace: time.Minute}
	q := a.open(&r)
	a.mu.Lock()
	since := time.Now()
	a.silent[b] = since
	w := a.await(q, b, since)
	w.timer.Stop() // the test calls over itself
	w.at = w.at.Add(-time.Hour)
	a.mu.Unlock()
	if w.over() {
		t.Error("an hour in which the process did not run counts")
	}
	if !w.timer.Stop() {
		t.Error("the clock is not read again")
	}
	a.mu.Lock()
	w.left = awaitStep / 2
	w.at = w.at.Add(-awaitStep)
	a.mu.Unlock()
	if !w.over() {
		t.Error("the grace is over, and it is not known")
	}
	a.close(q)
	if w.over() || w.timer.Stop() {
		t.Error("the request is over, and its grace runs on")
	}
}
