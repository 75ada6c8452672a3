package match

import (
	"errors"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

var errGone = errors.New("its node is gone")

// failedWith checks that a request is done with a RankError for a rank.
func failedWith(t *testing.T, e *Endpoint, r *Request, rank int) {
	t.Helper()
	if err := e.WaitFor(r); err != nil {
		t.Fatal(err)
	}
	var failed *RankError
	if !errors.As(r.Err, &failed) || failed.Rank != rank || !errors.Is(r.Err, errGone) {
		t.Errorf("a request that needs rank %d ends with %v", rank, r.Err)
	}
}

// What needs a process that fails ends with an error, before and after, whether the process is on
// this node or another one. Everything else goes on.
func TestFailRank(t *testing.T) {
	for name, nodes := range map[string][]int{"one node": {0, 0, 0}, "other nodes": {0, 1, 2}} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, nodes, 1, Config{Eager: 64})
			n.start()
			e := n.end(0)
			buf := func() datatype.Buffer { return datatype.Of(make([]byte, 1000)) }
			with2, without2 := e.Open(8, []int32{0, 1, 2}), e.Open(10, []int32{0, 1})
			anyOf := func(s *Scope) Envelope {
				env := from(abi.AnySource, 7)
				env.Scope = s
				return env
			}
			collective := func(env Envelope) Envelope {
				env.Scope, env.All = with2, true
				return env
			}
			operations := map[string]func(r *Request){
				"receive":              func(r *Request) { e.Recv(r, from(2, 1), buf()) },
				"send":                 func(r *Request) { e.Send(r, to(0, 2, 1), buf(), Standard) },
				"synchronous send":     func(r *Request) { e.Send(r, to(0, 2, 1), datatype.Of(nil), Synchronous) },
				"collective's receive": func(r *Request) { e.Recv(r, collective(from(1, 8)), buf()) },
				"collective's send":    func(r *Request) { e.Send(r, collective(to(0, 1, 8)), buf(), Standard) },
			}
			pending := map[string]*Request{}
			for name, begin := range operations {
				pending[name] = new(Request)
				begin(pending[name])
			}
			var other, wild Request
			e.Recv(&other, from(1, 1), buf())
			e.Recv(&wild, anyOf(without2), buf())

			for _, w := range n.worlds {
				w.FailRank(2, errGone)
				w.FailRank(2, errors.New("known already"))
			}
			for name, r := range pending {
				t.Run(name, func(t *testing.T) {
					failedWith(t, e, r, 2)
					var after Request
					operations[name](&after)
					failedWith(t, e, &after, 2)
				})
			}
			if env := from(2, 9); e.Failure(&env) == nil {
				t.Error("a probe for messages of rank 2 waits for ever")
			}
			if other.Done() || wild.Done() {
				t.Fatal("what does not need rank 2 has ended")
			}
			var sent Request
			for _, tag := range []int32{1, 7} {
				n.end(1).Send(&sent, to(1, 0, tag), buf(), Standard)
				if err := n.end(1).WaitFor(&sent); err != nil || sent.Err != nil {
					t.Fatal(err, sent.Err)
				}
			}
			for _, r := range []*Request{&other, &wild} {
				if err := e.WaitFor(r); err != nil || r.Err != nil || r.Status.Source != 1 {
					t.Errorf("%v, %v, from rank %d", err, r.Err, r.Status.Source)
				}
			}
		})
	}
}

// A process that fails in the middle of a message.
func TestFailRankInMessage(t *testing.T) {
	n := newNetwork(t, []int{0, 1}, 1, Config{Eager: 64})
	n.start()
	e := n.end(0)
	var recv, send Request
	n.end(1).Send(&send, to(1, 0, 1), datatype.Of(make([]byte, 1000)), Standard)
	for ok := false; !ok; {
		if err := e.Wait(func() bool { _, ok = e.Probe(from(1, 1)); return ok }); err != nil {
			t.Fatal(err)
		}
	}
	m, _ := e.Take(from(1, 1))
	e.w.FailRank(1, errGone)
	e.RecvMessage(&recv, m, datatype.Of(make([]byte, 1000)))
	failedWith(t, e, &recv, 1)
}

// A process that has ended, and is then said to have failed: what needs it waits until then.
func TestFailRankThatEnded(t *testing.T) {
	n := newNetwork(t, []int{0, 0, 0}, 1, Config{Eager: 64})
	e, gone := n.end(0), n.end(1)
	buf := func() datatype.Buffer { return datatype.Of(make([]byte, 1000)) }
	var before, probed, after, cancelled, recv, theirs, ended Request
	e.Send(&before, to(0, 1, 1), buf(), Standard)
	e.Send(&probed, to(0, 1, 2), buf(), Standard)
	e.Send(&cancelled, to(0, 1, 3), buf(), Standard)
	n.end(2).Send(&ended, to(2, 1, 1), buf(), Standard)
	if _, ok := gone.Take(from(0, 2)); !ok {
		t.Fatal("there is no message to take")
	}
	gone.Send(&theirs, to(1, 0, 1), buf(), Standard)
	m, ok := e.Take(from(1, 1))
	if !ok {
		t.Fatal("there is no message to take")
	}
	gone.Close()
	n.end(2).Close()
	e.Send(&after, to(0, 1, 1), buf(), Synchronous)
	e.RecvMessage(&recv, m, buf())
	pending := map[string]*Request{"send before": &before, "send that was probed": &probed, "send after": &after, "receive": &recv}
	for name, r := range pending {
		if r.Done() {
			t.Errorf("%s is done", name)
		}
	}
	e.Cancel(&cancelled)
	if !cancelled.Done() || !cancelled.Status.Cancelled {
		t.Error("a send to a rank that has ended is not cancelled")
	}
	e.w.FailRank(1, errGone)
	for name, r := range pending {
		t.Run(name, func(t *testing.T) { failedWith(t, e, r, 1) })
	}
	if e.left.Load() != 0 || ended.Done() {
		t.Errorf("%d sends are left; that of a rank that has ended is done: %v", e.left.Load(), ended.Done())
	}
}
