package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// request is a request of this node's API. It owns the messages that it sends (see [owner]).
type request struct {
	n        *Node
	id       mpi.RequestID
	pid      int64
	expected int
	grace    time.Duration // 0 for the transport's
	deadline time.Time     // of its messages, on every node
	done     chan struct{} // closed when there is nothing more to wait for

	mu       sync.Mutex // guards the rest
	ends     sync.Cond  // of mu: signalled when left goes down
	closed   bool       // done is closed, and answers changes no more
	givingUp bool       // closed, and failures are still added
	reason   mpi.Reason // why it was given up
	why      string
	answers  []mpi.Message
	bytes    int64
	waiting  int // messages neither accepted nor ended
	left     int // messages not ended
	failures []mpi.Failure
	omitted  uint64
	expiry   *time.Timer
	known    []int               // messages whose answer came, or was refused and named
	loose    map[mpi.PeerID]bool // peers with answers that do not say which message they end

	pending messages // see owner
}

// open implements [owner].
func (q *request) open() *messages { return &q.pending }

// charged implements [owner].
func (q *request) charged() mpi.PeerID { return q.n.self }

// Do carries out a request. The error is an [*mpi.Error]; the result then holds the answers and
// failures so far.
func (n *Node) Do(ctx context.Context, r mpi.Request) (mpi.Result, error) {
	if n.closed.Load() {
		return mpi.Result{}, mpi.Errorf(mpi.CodeStopping, stopping)
	}
	if err := n.check(&r); err != nil {
		return mpi.Result{}, err
	}
	program, err := n.Resolve(ctx, r.File)
	if err != nil {
		return mpi.Result{}, err
	}
	n.totals.requests.Add(1)
	q := n.open(&r)
	timer := time.NewTimer(r.Timeout)
	defer timer.Stop()
	defer n.close(q)
	defer n.watch(q, r.Messages)()
	q.send(program.CID, r.Messages)
	select {
	case <-q.done:
	case <-timer.C:
		if q.giveUp(mpi.TimedOut, "the request's time was up") {
			res := q.named(r.Messages)
			return res, mpi.Errorf(mpi.CodeTimeout, "%s: %d of %d expected answers came within %s", program, len(res.Messages), q.expected, r.Timeout)
		}
	case <-ctx.Done():
		if q.giveUp(mpi.TimedOut, "the client hung up") {
			return q.named(r.Messages), mpi.Errorf(mpi.CodeCancelled, "the client hung up")
		}
	case <-n.halt:
		if q.giveUp(mpi.Stopping, "this node stopped") {
			return q.named(r.Messages), mpi.Errorf(mpi.CodeStopping, "the node stopped before the request was done")
		}
	}
	res, err := q.result(program)
	if err != nil {
		res.Failures = append(res.Failures, q.unanswered(r.Messages, res)...)
	}
	return res, err
}

// named is the result of a request that was given up.
func (q *request) named(sent []mpi.Message) mpi.Result {
	res := q.partial()
	res.Failures = append(res.Failures, q.unanswered(sent, res)...)
	return res
}

// check checks a request, sets its default timeout and makes the addresses of its messages
// canonical.
func (n *Node) check(r *mpi.Request) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Timeout == 0 {
		r.Timeout = mpi.DefaultTimeout
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		m.Pid = r.Pid
		if err := n.checkMessage(m); err != nil {
			code := mpi.CodeInvalid
			if int64(len(m.Data)) > n.cfg.MaxMessage {
				code = mpi.CodeTooLarge
			}
			return mpi.Errorf(code, "messages[%d].%s", i, err)
		}
	}
	return nil
}

// checkMessage makes To and From canonical. An absent From becomes this node; another peer's is an
// error.
func (n *Node) checkMessage(m *mpi.Message) error {
	if m.From == "" {
		m.From = n.self
	} else if from, err := n.cfg.Transport.ParsePeer(string(m.From)); err != nil {
		return fmt.Errorf("From: %w", err)
	} else if from != n.self {
		return fmt.Errorf("From is %s, another peer: leave it out, or give this node's own address, %s", from, n.self)
	}
	if m.To == "" {
		return fmt.Errorf("To is missing: it must be a peer ID") // in what a handler sends
	}
	to, err := n.cfg.Transport.ParsePeer(string(m.To))
	if err != nil {
		return fmt.Errorf("To: %w", err)
	}
	m.From, m.To = n.self, to
	if int64(len(m.Data)) > n.cfg.MaxMessage {
		return fmt.Errorf("Data has %d bytes, over this node's limit of %d (MaxMessage)", len(m.Data), n.cfg.MaxMessage)
	}
	return nil
}

// open registers a request, so that answers find it, and starts its expiry.
func (n *Node) open(r *mpi.Request) *request {
	q := &request{
		n: n, id: mpi.NewRequestID(n.self), pid: r.Pid, expected: r.Expected, grace: r.Grace, done: make(chan struct{}),
		waiting: len(r.Messages), left: len(r.Messages),
	}
	budget := r.Timeout
	if q.expected == 0 { // Do does not wait for the handlers, so its timeout does not bound them
		budget = max(budget, pushBudget)
	}
	q.deadline = time.Now().Add(budget)
	q.ends.L = &q.mu
	q.expiry = time.AfterFunc(budget+expiryGrace, q.expire) // after Do's own timer
	n.mu.Lock()
	n.requests[q.id] = q
	n.mu.Unlock()
	return q
}

// send sends the request's messages.
func (q *request) send(program mpi.CID, msgs []mpi.Message) {
	for i, m := range msgs {
		o := &outgoing{owner: q, index: i, pid: q.pid, from: q.n.self, to: m.To, request: q.id, deadline: q.deadline}
		q.n.send(o, program, m.Data, false)
	}
	q.mu.Lock()
	q.settle()
	q.mu.Unlock()
}

// send sends one message, of a request or of a task.
func (n *Node) send(o *outgoing, program mpi.CID, data []byte, answer bool) {
	d := frame.Deliver{
		ID: n.pending.add(o), Request: o.request, Program: program, Answer: answer,
		Budget: time.Until(o.deadline), Pid: o.pid, Data: data, Ends: o.ends,
	}
	switch {
	case o.to != n.self:
		n.outbox.put(o.to, note{frame: d, deadline: o.deadline, out: o}, true)
	case answer:
		n.receiveAnswer(n.self, d)
	default:
		n.receiveMessage(n.self, o.owner.charged(), d)
	}
}

// accepted implements [owner].
func (q *request) accepted(o *outgoing) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(o)
	q.settle()
}

// take notes that the peer has accepted a message, or that it ended. The caller holds the mutex.
func (q *request) take(o *outgoing) {
	if !o.taken {
		o.taken = true
		q.waiting--
	}
}

// ended implements [owner].
func (q *request) ended(o *outgoing, failures []mpi.Failure, omitted uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(o)
	q.left--
	if q.left == 0 {
		q.expiry.Stop()
	}
	q.ends.Broadcast()
	if q.closed && !q.givingUp {
		for _, f := range failures {
			q.n.log.Warn("a message of a request that was answered already failed", "request", q.id.String(), "failure", f)
		}
		return
	}
	room := mpi.MaxBatch - len(q.failures)
	q.omitted += omitted + uint64(max(0, len(failures)-room))
	q.failures = append(q.failures, failures[:min(room, len(failures))]...)
	q.settle()
}

// settle closes done if the request has what it waits for, or can get no more. The caller holds the
// mutex.
func (q *request) settle() {
	enough := q.expected > 0 && len(q.answers) >= q.expected
	pushed := q.expected == 0 && q.waiting == 0
	if enough || pushed || q.left == 0 {
		q.shut()
	}
}

// shut closes done, once. The caller holds the mutex.
func (q *request) shut() {
	if !q.closed {
		q.closed = true
		close(q.done)
	}
}

// giveUp ends the request early: messages that have not ended become failures, and the peers that
// have them are told that the request is cancelled. It is false, and does nothing, if the request
// has ended by itself.
func (q *request) giveUp(reason mpi.Reason, why string) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.shut()
	q.givingUp, q.reason, q.why = true, reason, why
	q.expiry.Stop()
	q.mu.Unlock()
	dropped := q.n.passOn(q, q.id)
	slices.SortFunc(dropped, func(a, b *outgoing) int { return a.index - b.index })
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left -= len(dropped)
	for q.left > 0 { // others have taken these from pending and are about to call ended
		q.ends.Wait()
	}
	q.givingUp = false
	for _, o := range dropped {
		detail := why + " before the peer took the message"
		if o.taken {
			detail = why + " before the message was done"
		}
		q.failures = append(q.failures, o.failure(reason, detail))
	}
	return true
}

// unanswered names the messages that were handled, and whose peers sent no answer, if the failures
// do not explain why answers are missing. Of a peer with an answer that does not say to which
// message it is, none is named. If failures were omitted, it is not known which messages were
// handled.
func (q *request) unanswered(sent []mpi.Message, res mpi.Result) (list []mpi.Failure) {
	if res.Omitted > 0 || len(res.Messages)+len(res.Failures) >= q.expected {
		return nil
	}
	failed := make([]bool, len(sent)) // or answered
	for _, f := range res.Failures {
		if f.Index >= 0 {
			failed[f.Index] = true
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.known {
		failed[i] = true
	}
	for i, m := range sent {
		if !failed[i] && !q.loose[m.To] {
			list = append(list, mpi.Failure{Index: i, Pid: m.Pid, From: m.From, To: m.To, Reason: mpi.NoAnswer,
				Detail: "the message was handled, and no answer came from its peer"})
		}
	}
	return list
}

// close removes a request: answers that come later are refused with Gone.
func (n *Node) close(q *request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.requests, q.id)
	n.checkIdle()
}

// expire drops the messages of an answered request that have not ended by its deadline and
// [expiryGrace].
func (q *request) expire() {
	dropped := q.n.passOn(q, q.id)
	q.mu.Lock()
	q.left -= len(dropped)
	q.ends.Broadcast()
	q.mu.Unlock()
	for _, o := range dropped {
		q.n.log.Warn("no end of a message was heard in time", "request", q.id.String(), "to", o.to)
	}
}

// result returns the result of a request that was not given up.
func (q *request) result(program mpi.Interpreter) (mpi.Result, error) {
	res := q.partial()
	switch {
	case q.expected > 0 && len(res.Messages) >= q.expected:
		res.Messages, res.Failures, res.Omitted = res.Messages[:q.expected], nil, 0
		return res, nil
	case q.expected == 0 && len(res.Failures) == 0:
		res.Messages = nil
		return res, nil
	case len(res.Failures) == 0:
		return res, mpi.Errorf(mpi.CodeFailed, "%s: every message was handled, and only %d of %d expected answers came", program, len(res.Messages), q.expected)
	}
	f := res.Failures[0]
	return res, mpi.Errorf(mpi.CodeFailed, "%s: %d of %d expected answers came; %d messages failed, the first to %s: %s: %s",
		program, len(res.Messages), q.expected, uint64(len(res.Failures))+res.Omitted, f.To, f.Reason, f.Detail)
}

// partial returns the answers and failures of a closed request. Nothing is added to the lists after
// that, so they are not copied.
func (q *request) partial() mpi.Result {
	q.mu.Lock()
	defer q.mu.Unlock()
	return mpi.Result{Pid: q.pid, Messages: q.answers, Failures: q.failures, Omitted: q.omitted}
}
