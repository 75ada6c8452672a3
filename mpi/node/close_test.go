package node

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func TestStoppedNodeSaysSo(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	done := make(chan mpi.Result)
	go func() { res, _ := do(t, a, b.Self(), "sleep 15s", "sleep 15s", "sleep 15s"); done <- res }()
	await(t, b, func() bool { return b.Status().Totals.Delivered == 3 })
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	res := <-done
	for _, f := range res.Failures {
		if f.Reason != mpi.Stopping || f.To != b.Self() || !strings.Contains(f.Detail, stopping) {
			t.Errorf("%v", f)
		}
	}
	if len(res.Failures) != 3 {
		t.Errorf("%+v", res)
	}
	if _, err := b.Do(t.Context(), mpi.Request{File: "guest"}); code(err) != mpi.CodeStopping {
		t.Errorf("a stopped node: %v", err)
	}
	await(t, a, func() bool { return len(a.cfg.Pools.Known()) == 0 }) // it said goodbye
}

// A node that stops lets handlers end that have begun, and requests that wait for their answers.
// What has not begun fails at once, and nothing new is taken: each with the true reason.
func TestStoppingNodeLetsHandlersEnd(t *testing.T) {
	nodes := start(t, 2, func(_ int, c *Config) { c.Grace = time.Minute })
	a, b := nodes[0], nodes[1]
	const slots = 2 // of the harness
	theirs, own := make(chan mpi.Result, 1), make(chan mpi.Result, 1)
	go func() {
		res, _ := do(t, a, b.Self(), "sleep 1s", "sleep 1s", "sleep 1s", "sleep 1s")
		theirs <- res
	}()
	go func() { res, _ := do(t, b, a.Self(), "sleep 1s"); own <- res }()
	await(t, b, func() bool { return b.running.Load() == slots && b.Status().Totals.Delivered == 4 })
	await(t, a, func() bool { return a.running.Load() == 1 })
	drained := make(chan struct{})
	go func() { defer close(drained); b.Drain(t.Context()) }()
	await(t, a, func() bool { return len(a.cfg.Pools.Known()) == 0 }) // it said goodbye
	res, err := do(t, a, b.Self(), "echo late")
	if len(res.Failures) != 1 || res.Failures[0].Reason != mpi.Stopping {
		t.Errorf("a message to a node that stops: %+v, %v", res, err)
	}
	if _, err := do(t, b, a.Self(), "echo late"); code(err) != mpi.CodeStopping {
		t.Errorf("a request of a node that stops: %v", err)
	}
	if res := <-own; len(res.Messages) != 1 || len(res.Failures) != 0 {
		t.Errorf("the request that waited: %+v", res)
	}
	res = <-theirs
	if len(res.Messages) != slots || len(res.Failures) != 4-slots {
		t.Errorf("%d answers, and %d failures", len(res.Messages), len(res.Failures))
	}
	for _, f := range res.Failures {
		if f.Reason != mpi.Stopping || f.To != b.Self() {
			t.Errorf("%v", f)
		}
	}
	<-drained
}

// Close joins every goroutine that a node and its parts started, whatever was under way.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	t.Run("nodes", func(t *testing.T) {
		nodes := start(t, 3)
		a, b, c := nodes[0], nodes[1], nodes[2]
		if _, err := do(t, a, b.Self(), "via "+c.id()+" echo x"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r := mpi.Request{File: "guest", Expected: 3, Timeout: time.Hour}
		for _, what := range []string{"sleep 10s", "via " + c.id() + " sleep 10s", "echo x"} {
			r.Messages = append(r.Messages, mpi.Message{To: b.Self(), Data: mpi.Bytes(what)})
		}
		done := make(chan error)
		go func() { _, err := a.Do(ctx, r); done <- err }()
		await(t, b, func() bool { return b.Status().Totals.Delivered >= 3 })
		cancel()
		<-done
	})
	// The nodes are closed now. libp2p's own goroutines may take a moment.
	deadline := time.Now().Add(30 * time.Second)
	for {
		left := ours()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
		}
		runtime.Gosched()
	}
}

// ours are the stacks of goroutines in this module's code, but for the one that asks.
func ours() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var list []string
	for _, s := range strings.Split(string(buf), "\n\n")[1:] {
		if strings.Contains(s, "ipfs-mpi/mpi/") && !strings.Contains(s, "testing.(*M).Run(") {
			list = append(list, s)
		}
	}
	return list
}
