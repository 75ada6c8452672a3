package job

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

type observed struct {
	mu     sync.Mutex
	events []mpi.EventType
	phases []string
}

func (o *observed) JobEvent(_ mpi.JobID, e mpi.JobEvent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e.Type)
}

func (o *observed) HostPhase(_ mpi.JobID, phase string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.phases = append(o.phases, phase)
}

// An observer sees what followers of a job see, and the phases of what runs on its node.
func TestObserver(t *testing.T) {
	o := new(observed)
	nodes := startJobs(t, 1, talkers, func(_ int, c *setup) { c.Observer = o })
	l := nodes[0].run(t, mpi.JobSpec{File: "lines", Ranks: 2})
	l.isDone(t)
	idle(t, nodes...)
	o.mu.Lock()
	defer o.mu.Unlock()
	var want []mpi.EventType
	for _, e := range l.events {
		want = append(want, e.Type)
	}
	if !slices.Equal(o.events, want) {
		t.Errorf("it saw %v, the follower %v", o.events, want)
	}
	// Stop may come before the host has seen that its ranks have ended, and then there is no
	// waiting.
	o.phases = slices.DeleteFunc(o.phases, func(p string) bool { return p == "waiting" })
	phases := []string{"preparing", "ready", "executing", "closing", "left"}
	if !slices.Equal(o.phases, phases) {
		t.Errorf("it saw the phases %v, want %v", o.phases, phases)
	}
}

// Frames of other nodes wait for room in an inbox, what the node says itself does not, and nobody
// waits for an owner that has gone.
func TestInbox(t *testing.T) {
	var b inbox[int]
	b.init()
	for range maxInbox / frame.MaxJobPart { // with inboxCost, just over the bound
		b.putWithin(1, frame.MaxJobPart)
	}
	if !b.put(2) {
		t.Error("not taken")
	}
	taken := make(chan bool, 2)
	put := func() { taken <- b.putWithin(3, 1) }
	go put()
	select {
	case <-taken:
		t.Error("there is no bound")
	case <-time.After(time.Millisecond): // it may come later, if it is to come
	}
	if n := len(b.take()); n < 2 || !<-taken {
		t.Errorf("%d taken, and then no more", n)
	}
	for range maxInbox / frame.MaxJobPart { // with inboxCost, just over the bound
		b.putWithin(1, frame.MaxJobPart)
	}
	go put()
	b.close()
	if <-taken {
		t.Error("taken by an owner that has gone")
	}
	if b.put(4) {
		t.Error("put for an owner that has gone")
	}
}
