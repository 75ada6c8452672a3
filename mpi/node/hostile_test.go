package node

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// handlerRuntime runs a function in place of every program.
type handlerRuntime struct {
	f func(context.Context) exec.Outcome
}

func (r handlerRuntime) Compile(context.Context, []byte) (exec.Program, error) { return r, nil }
func (handlerRuntime) Close() error                                            { return nil }
func (handlerRuntime) MPI() bool                                               { return false }
func (r handlerRuntime) Run(ctx context.Context, _ exec.Exec) exec.Outcome     { return r.f(ctx) }

// endless is a handler that ends only when its message is given up.
var endless = handlerRuntime{func(ctx context.Context) exec.Outcome {
	<-ctx.Done()
	return exec.Outcome{Reason: mpi.Cancelled}
}}

// unread is a transport that a peer takes nothing from. What is sent to others goes the usual way.
type unread struct {
	frame.Transport
	by mpi.PeerID
}

func (u unread) Send(ctx context.Context, to mpi.PeerID, f frame.Frame) (uint64, error) {
	if to != u.by {
		return u.Transport.Send(ctx, to, f)
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

// gone is a transport that does not reach a peer.
type gone struct {
	frame.Transport
	peer mpi.PeerID
}

func (g gone) Send(ctx context.Context, to mpi.PeerID, f frame.Frame) (uint64, error) {
	if to == g.peer {
		return 0, frame.ErrUnreachable
	}
	return g.Transport.Send(ctx, to, f)
}

const stranger mpi.PeerID = "12D3KooWEPJJpGGGxYWDaDnTUFYLJMNVT6MQpGTiYSAvAVtx1yYM"

// deliveries gives a node n messages of size bytes from a stranger, each of a request of its own.
func deliveries(n testNode, count, size int) {
	for i := range count {
		n.Receive(stranger, frame.Deliver{
			ID: uint64(i), Request: mpi.NewRequestID(stranger), Program: cidOf("guest"),
			Budget: time.Hour, Data: make([]byte, size),
		})
	}
}

// One peer's messages fill what there is for it. The messages of other peers, and those of the
// node's owner, are taken all the same.
func TestHostilePeerFillsTheBudget(t *testing.T) {
	nodes := start(t, 2, func(_ int, c *Config) {
		c.Runtime = endless
		c.Transport = unread{c.Transport, stranger}
	})
	n := nodes[1]
	deliveries(n, 4096, 64<<10)
	if n.totals.refused.Load() == 0 || n.budget.all.bytes > maxTaskBytes/2 {
		t.Fatalf("one peer has %d MiB of %d", n.budget.all.bytes>>20, maxTaskBytes>>20)
	}
	deliveries(n, 2*maxTasks, 0)
	for name, from := range map[string]testNode{"another peer": nodes[0], "the owner": n} {
		r := mpi.Request{File: "guest", Timeout: time.Minute}
		for range 64 {
			r.Messages = append(r.Messages, mpi.Message{To: n.Self(), Data: make([]byte, 64<<10)})
		}
		if got, err := from.Do(t.Context(), r); err != nil {
			t.Errorf("messages of %s: %v, %+v", name, err, got.Failures[:min(1, len(got.Failures))])
		}
	}
}

// A peer has an interpreter of the node send very many messages to the node itself. They are the
// peer's: the owner's are taken, and get their turn.
func TestHostilePeerSendsThroughTheNode(t *testing.T) {
	var out exec.Outcome
	var ran atomic.Bool
	nodes := start(t, 1, func(_ int, c *Config) {
		c.Runtime = handlerRuntime{func(ctx context.Context) exec.Outcome {
			if ran.CompareAndSwap(false, true) {
				return out
			}
			<-ctx.Done()
			return exec.Outcome{Reason: mpi.Cancelled}
		}}
		c.Transport = unread{c.Transport, stranger}
		c.HandlerSlots = 2
	})
	n := nodes[0]
	sends := mpi.Envelope{Pid: 7}
	for range maxTasks + ownTasks {
		sends.Messages = append(sends.Messages, mpi.Message{Pid: 7, To: n.Self()})
	}
	out = exec.Outcome{Stdout: sends.AppendJSON(nil)}
	n.Receive(stranger, frame.Deliver{
		ID: 1, Request: mpi.NewRequestID(stranger), Program: cidOf("guest"), Budget: time.Hour, Pid: 7})
	await(t, n, func() bool { return n.totals.refused.Load() > 0 && n.queue.len() > maxTasks/4 })
	r := mpi.Request{File: "guest", Timeout: time.Minute, Messages: []mpi.Message{{To: n.Self()}, {To: n.Self()}}}
	if got, err := n.Do(t.Context(), r); err != nil {
		t.Errorf("the owner's messages: %v, %+v", err, got.Failures)
	}
	n.queue.mu.Lock()
	defer n.queue.mu.Unlock()
	if own := n.queue.waiting[n.Self()]; own == nil || own.tasks.Len() != len(r.Messages) {
		t.Error("the owner's messages are in line with the stranger's")
	}
}

// A peer whose tasks have sent very many messages goes. What it asked for is dropped in time
// proportional to that, so the node goes on at once. Nothing of it stays, also in the queue to a
// peer that takes nothing.
func TestHostilePeerGoesWithManyMessages(t *testing.T) {
	const each = 200
	var sends mpi.Envelope
	sends.Pid = 7
	for range each {
		sends.Messages = append(sends.Messages, mpi.Message{Pid: 7, To: "12D3KooWGRUfRMZ5XBvaxZsbHBrkpxoMgfPXwFwkQNBZVzCrtHSd", Data: make([]byte, 16)})
	}
	out := exec.Outcome{Stdout: sends.AppendJSON(nil)}
	nodes := start(t, 1, func(_ int, c *Config) {
		c.Runtime = handlerRuntime{func(context.Context) exec.Outcome { return out }}
		c.Transport = unread{gone{c.Transport, stranger}, sends.Messages[0].To}
		c.HandlerSlots = 8
	})
	n := nodes[0]
	live := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	for round := range 2 {
		for i := range 1000 {
			n.Receive(stranger, frame.Deliver{
				ID: uint64(i), Request: mpi.NewRequestID(stranger), Program: cidOf("guest"), Budget: time.Hour, Pid: 7,
			})
		}
		await(t, n, func() bool { return n.queue.len() == 0 && n.running.Load() == 0 })
		n.pending.mu.Lock()
		open := len(n.pending.open)
		n.pending.mu.Unlock()
		if open < 50*each {
			t.Fatalf("%d messages are under way", open)
		}
		n.Lost(stranger, uint64(round)+1, context.Canceled)
		n.pending.mu.Lock()
		open = len(n.pending.open)
		n.pending.mu.Unlock()
		if open != 0 {
			t.Errorf("%d messages are left of a peer that is gone", open)
		}
		await(t, n, func() bool {
			n.budget.mu.Lock()
			defer n.budget.mu.Unlock()
			return n.budget.all == use{}
		})
	}
	if grown := live() - before; grown > 24<<20 {
		t.Errorf("%d MiB are left of a peer that is gone", grown>>20)
	}
}

// A peer that reads no answers has them wait here within its share of the budget, and of what is
// queued for all.
func TestHostilePeerReadsNoAnswers(t *testing.T) {
	answers := handlerRuntime{func(context.Context) exec.Outcome {
		return exec.Outcome{Reason: mpi.Exited, Exit: 1, Detail: "x", Stderr: make([]byte, 4<<10)}
	}}
	nodes := start(t, 2, func(_ int, c *Config) {
		c.Runtime = answers
		c.Transport = unread{c.Transport, stranger}
	})
	n := nodes[0]
	for range 8 {
		deliveries(n, 4096, 1<<10)
		await(t, n, func() bool { return n.queue.len() == 0 && n.running.Load() == 0 })
	}
	n.outbox.mu.Lock()
	done := 0
	for x := n.outbox.lines[stranger].first; x != nil; x = x.after {
		if _, ok := x.frame.(frame.Done); ok {
			done++
		}
	}
	queued := n.outbox.queued
	n.outbox.mu.Unlock()
	if done == 0 || done > maxTasks/3 || queued > maxOutbox {
		t.Errorf("%d Dones among %d frames are queued for it", done, queued)
	}
	n.budget.mu.Lock()
	if tasks := n.budget.all.tasks; tasks < done {
		t.Errorf("%d tasks are counted, and %d answers wait", tasks, done)
	}
	n.budget.mu.Unlock()
	r := mpi.Request{File: "guest", Timeout: time.Minute, Messages: []mpi.Message{{To: n.Self()}}}
	if got, err := nodes[1].Do(t.Context(), r); err != nil && got.Failures[0].Reason != mpi.Exited {
		t.Errorf("a message of another peer: %v", err)
	}
}

// Failures that a stranger's messages end with are held within the budget.
func TestHostileFailures(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) {
		c.Runtime = endless
		c.Transport = unread{c.Transport, stranger}
	})
	n := nodes[0]
	long := mpi.Failure{Reason: mpi.Exited, Detail: string(make([]byte, 1<<10)), Stderr: string(make([]byte, 4<<10))}
	deliveries(n, 1024, 0)
	n.mu.Lock()
	var tasks []*task
	for _, list := range n.tasks {
		tasks = append(tasks, list...)
	}
	n.mu.Unlock()
	for _, x := range tasks {
		x.mu.Lock()
		x.note(slices.Repeat([]mpi.Failure{long}, mpi.MaxFailures), 0)
		x.mu.Unlock()
	}
	n.budget.mu.Lock()
	defer n.budget.mu.Unlock()
	if got := n.budget.all.bytes; got > maxTaskBytes/2 {
		t.Errorf("%d MiB are held for one peer", got>>20)
	}
}

// crowd is pools with peers that name as many programs as they may.
type crowd struct{ mpi.Pools }

func (crowd) Known() (list []mpi.Member) {
	for p := range 84 {
		m := mpi.Member{Peer: mpi.PeerID(fmt.Sprint(p))}
		for i := range mpi.MaxServes {
			m.Serves = append(m.Serves, mpi.Interpreter{Name: fmt.Sprint("p", p), Version: fmt.Sprintf("1.0.%d", i), CID: "bafy"})
		}
		list = append(list, m)
	}
	return append(list, mpi.Member{Peer: "z", Serves: []mpi.Interpreter{{Name: "honest", Version: "1.0.0", CID: "bafyhonest"}}})
}

// The list of interpreters is bounded, and each peer has its turn in it.
func TestHostileInterpretersOfPeers(t *testing.T) {
	n := start(t, 1, func(_ int, c *Config) { c.Runtime = endless })[0]
	n.cfg.Pools = crowd{n.cfg.Pools}
	list := n.Interpreters()
	if len(list) > maxKnown+1 {
		t.Errorf("%d interpreters are listed", len(list))
	}
	for _, name := range []string{"guest", "honest"} {
		if !slices.ContainsFunc(list, func(i mpi.InterpreterStatus) bool { return i.Name == name }) {
			t.Errorf("%s is not listed", name)
		}
	}
}
