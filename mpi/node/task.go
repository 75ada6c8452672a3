package node

import (
	"bytes"
	"container/list"
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// task is one message for an interpreter of this node. It owns the messages that the interpreter
// sends (see [owner]).
type task struct {
	n        *Node
	from     mpi.PeerID // the sender, which gets the Done
	account  mpi.PeerID // whom it is charged to: see receiveMessage
	id       uint64     // the sender's ID of the message
	req      mpi.RequestID
	program  *program
	pid      int64
	data     []byte
	deadline time.Time
	turn     *list.Element // in its peer's line, guarded by the queue's mutex; nil if not queued
	waits    *list.Element // in program.waiting, guarded as that
	index    int           // in Node.tasks, guarded by the node's mutex
	pending  messages      // see owner

	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex // guards the rest
	room     int64      // bytes taken of the budget
	said     bool       // the Accept was sent
	begun    bool       // a slot has it
	over     bool       // the Done was sent
	left     int        // messages sent and not ended
	failures []mpi.Failure
	omitted  uint64
	expiry   *time.Timer // of the whole task
}

// open implements [owner].
func (t *task) open() *messages { return &t.pending }

// charged implements [owner].
func (t *task) charged() mpi.PeerID { return t.account }

// work is one handler slot: it runs tasks of the queue, one at a time.
func (n *Node) work() {
	for {
		t, ok := n.queue.pop()
		if !ok {
			return
		}
		t.run()
		n.queue.release(t.account)
	}
}

// run runs the interpreter, then queues the messages that it sends. It returns when the interpreter
// has ended, so that the slot is free; the task may last longer.
func (t *task) run() {
	left := time.Until(t.deadline)
	data, ok := t.takeData()
	switch {
	case !ok:
		return
	case left <= 0:
		t.finish(t.failure(mpi.TimedOut, "the request's time was up before a slot was free"))
		return
	}
	n := t.n
	if why := t.program.gone(); why != "" {
		t.finish(t.failure(mpi.NotServed, why))
		return
	}
	n.running.Add(1)
	out := t.program.code.Run(t.ctx, t.exec(data, left))
	n.running.Add(-1)
	if out.Crash != nil {
		n.Crashed(t.program.cid, t.req.Origin, out.Crash)
	}
	if out.Reason == "" {
		msgs, err := t.parse(out.Stdout)
		if err == nil {
			n.totals.handled.Add(1)
			t.send(msgs)
			return
		}
		out.Reason, out.Detail = mpi.BadOutput, "standard output: "+err.Error()
	}
	n.totals.failed.Add(1)
	if out.Reason == mpi.TimedOut && left < n.cfg.Timeout {
		out.Detail = "the request's time was up"
	}
	f := t.failure(out.Reason, out.Detail)
	f.ExitCode, f.Stderr = out.Exit, string(out.Stderr)
	n.log.Info("handler failed", "program", t.program, "from", t.from, "reason", out.Reason, "detail", out.Detail)
	t.finish(f.Clip())
}

// exec returns the input, environment and limits of the instance.
func (t *task) exec(data []byte, left time.Duration) exec.Exec {
	n, cfg := t.n, &t.n.cfg
	peers, _ := cfg.Pools.Peers(t.program.cid)
	list := append(make([]byte, 0, 64*(len(peers)+1)), "MPI_PEERS="...)
	for i, p := range peers {
		if i > 0 {
			list = append(list, ' ')
		}
		list = append(list, p...)
	}
	in := mpi.Envelope{Pid: t.pid, Messages: []mpi.Message{{Pid: t.pid, To: n.self, From: t.from, Data: data}}}
	return exec.Exec{
		Args:    []string{t.program.String()},
		Env:     []string{"MPI_HOST=" + string(n.self), "MPI_ORIGIN=" + string(t.req.Origin), string(list)},
		Stdin:   in.AppendJSON(make([]byte, 0, 256+4*len(data))),
		Files:   within(t.ctx, t.program.files),
		Memory:  cfg.Memory,
		Timeout: min(left, cfg.Timeout),
		Output:  int(4*cfg.MaxMessage) + 64<<10,
		Stderr: func(line string) {
			n.log.Info("stderr", "program", t.program.String(), "request", t.req.String(), "line", line)
		},
	}
}

// within returns files whose reads end with ctx, if the file system has WithContext.
func within(ctx context.Context, files fs.FS) fs.FS {
	if f, ok := files.(interface {
		WithContext(context.Context) fs.FS
	}); ok {
		return f.WithContext(ctx)
	}
	return files
}

// parse reads the messages that the interpreter wrote to its standard output, which is not trusted.
func (t *task) parse(stdout []byte) ([]mpi.Message, error) {
	if len(bytes.TrimSpace(stdout)) == 0 {
		return nil, nil
	}
	if mpi.ListsOver(stdout, mpi.MaxBatch) {
		return nil, fmt.Errorf("more than %d messages: that is the limit", mpi.MaxBatch)
	}
	env, err := mpi.DecodeEnvelope(stdout, &t.pid)
	if err != nil {
		return nil, err
	}
	if env.Pid != t.pid {
		return nil, fmt.Errorf("Pid is %d, and the message's is %d", env.Pid, t.pid)
	}
	for i := range env.Messages {
		if err := t.n.checkMessage(&env.Messages[i]); err != nil {
			return nil, fmt.Errorf("messages[%d].%w", i, err)
		}
	}
	return env.Messages, nil
}

// send sends the interpreter's messages. The task ends when all of them have ended.
func (t *task) send(msgs []mpi.Message) {
	var size int64
	for _, m := range msgs {
		size += int64(len(m.Data)) + 256
	}
	t.mu.Lock()
	room := !t.over && t.n.budget.grow(t.account, size)
	if room {
		t.left = len(msgs)
		t.room += size
	}
	t.mu.Unlock()
	switch {
	case !room: // if the task is over already, finish does nothing
		t.finish(t.failure(mpi.Busy, "the node has no room for what the handler sends"))
		return
	case len(msgs) == 0:
		t.finish()
		return
	}
	for _, m := range msgs {
		o := &outgoing{owner: t, index: -1, pid: t.pid, from: t.n.self, to: m.To, request: t.req, deadline: t.deadline}
		if only := len(msgs) == 1 && m.To == t.req.Origin && t.from == m.To && m.To != t.n.self; only {
			o.ends = t.id
		}
		t.n.send(o, t.program.cid, m.Data, m.To == t.req.Origin)
	}
	if t.isOver() { // cancelled while it sent: cancel what was sent after that
		t.n.passOn(t, t.req)
	}
}

func (t *task) isOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// accepted implements [owner]. An answer ends when its origin accepts it: no Done follows.
func (t *task) accepted(o *outgoing) {
	if o.to == t.req.Origin && t.n.pending.take(o.to, o.id) != nil {
		t.ended(o, nil, 0)
	}
}

// ended implements [owner].
func (t *task) ended(o *outgoing, failures []mpi.Failure, omitted uint64) {
	if o.to == t.req.Origin && len(failures) == 1 && failures[0].Reason == mpi.Gone {
		failures = nil // the request has all answers that it expects
	}
	t.mu.Lock()
	t.note(failures, omitted)
	t.left--
	last := t.left == 0
	t.mu.Unlock()
	if last {
		t.finish()
	}
}

// note adds failures of messages that the task sent, up to [mpi.MaxFailures] for its Done, as far
// as the budget has room for them. The caller holds the mutex.
func (t *task) note(failures []mpi.Failure, omitted uint64) {
	for _, f := range failures {
		size := int64(len(f.From)+len(f.To)+len(f.Detail)+len(f.Stderr)) + 256
		// one place is for the task's own message
		if t.over || len(t.failures) == mpi.MaxFailures-1 || !t.n.budget.grow(t.account, size) {
			omitted++
			continue
		}
		t.room += size
		f.Index = -1
		t.failures = append(t.failures, f)
	}
	t.omitted += omitted
}

// failure returns a failure of the task's own message, which has Index 0 in its Done.
func (t *task) failure(why mpi.Reason, detail string) mpi.Failure {
	return mpi.Failure{Index: 0, Pid: t.pid, From: t.from, To: t.n.self, Reason: why, Detail: detail}.Clip()
}

// takeData returns the message's data and lets go of it; false if the task is over.
func (t *task) takeData() ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	data := t.data
	t.data = nil
	t.begun = true
	return data, !t.over
}

func (t *task) isBegun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.begun
}

// finish ends the task and sends the Done, with the failure of the message itself if there is one.
// Only the first call has an effect.
func (t *task) finish(own ...mpi.Failure) {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	t.over = true
	t.data = nil
	t.expiry.Stop()
	done := frame.Done{ID: t.id, Failures: append(own, t.failures...), Omitted: t.omitted}
	t.mu.Unlock()

	t.cancel()
	t.n.queue.remove(t)
	t.program.dismiss(t)
	t.n.forget(t)
	t.n.replyDone(t, done)
}

// forget removes a task that is over from the index.
func (n *Node) forget(t *task) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.tasks[t.req]
	last := len(list) - 1
	list[last].index = t.index
	list[t.index], list[last] = list[last], nil
	if last == 0 {
		delete(n.tasks, t.req)
		n.checkIdle()
	} else {
		n.tasks[t.req] = list[:last]
	}
}
