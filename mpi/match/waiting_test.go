package match

import (
	"runtime"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Of a call that waits within a callback of another one, the inner one is what the rank waits for.
func TestWaitingInCallback(t *testing.T) {
	n := newNetwork(t, []int{0, 0}, 1, Config{Cores: -1})
	e, w := n.end(0), n.worlds[0]
	calls := []string{"outer"}
	e.Describe(func(x *Waiting) { x.Call = calls[len(calls)-1] })
	until := func(call string) {
		for {
			if list := w.Waiting(); len(list) == 1 && list[0].Rank == 0 && list[0].Call == call {
				return
			}
			runtime.Gosched()
		}
	}
	var outer, inner Request
	e.Recv(&outer, from(1, 1), datatype.Of(make([]byte, 1)))
	e.Recv(&inner, from(1, 2), datatype.Of(make([]byte, 1)))
	over := make(chan error, 1)
	go func() { over <- e.WaitFor(&outer) }()
	until("outer")
	e.Schedule(func() {
		calls = append(calls, "inner")
		if err := e.WaitFor(&inner); err != nil {
			t.Error(err)
		}
		calls = calls[:1]
	}, true)
	until("inner")
	n.end(1).Send(new(Request), to(1, 0, 2), bytesOf("x"), Standard)
	until("outer")
	n.end(1).Send(new(Request), to(1, 0, 1), bytesOf("x"), Standard)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if list := w.Waiting(); len(list) != 0 {
		t.Errorf("%d ranks wait", len(list))
	}
}

// To make known why a rank waits takes no memory each time.
func TestWaitingTakesNoMemory(t *testing.T) {
	n := newNetwork(t, []int{0, 0}, 1, Config{})
	e := n.end(0)
	var r Request
	e.Recv(&r, from(1, 1), datatype.Of(make([]byte, 1)))
	e.Describe(func(x *Waiting) { x.Messages = append(x.Messages, r.Message()) })
	if n := testing.AllocsPerRun(100, func() { e.publish(); e.unpublish() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
