package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Whoever names programs that cannot be had takes no more than the place for guests.
func TestGuestsAreBounded(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) {
		c.AnyProgram = true
		c.Store = remoteStore{c.Store.(*fakeStore)}
	})
	n := nodes[0]
	push := func(i int) (mpi.Result, error) {
		file := string(cidOf(fmt.Sprint("far", i)))
		return n.Do(t.Context(), mpi.Request{File: file, Messages: []mpi.Message{{To: n.Self()}}})
	}
	for i := range maxGuests {
		if _, err := push(i); err != nil {
			t.Fatalf("guest %d: %v", i, err)
		}
	}
	if got, err := push(maxGuests); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.Busy {
		t.Errorf("one more: %+v, %v", got, err)
	}
	if _, err := do(t, n, n.Self(), "echo x"); err != nil {
		t.Errorf("the store's own program: %v", err)
	}
}

// A node that stops just as a program becomes ready lets go of what waited for it.
func TestStopAsAProgramBecomesReady(t *testing.T) {
	store := gatedStore{gate: make(chan struct{})}
	nodes := start(t, 1, func(_ int, c *Config) {
		c.AnyProgram = true
		store.fakeStore = c.Store.(*fakeStore)
		c.Store = store
	})
	n := nodes[0]
	r := mpi.Request{File: string(cidOf("gated")), Messages: []mpi.Message{{To: n.Self(), Data: mpi.Bytes("echo x")}}}
	if _, err := n.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	n.queue.close() // what Close does first
	close(store.gate)
	await(t, n, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.tasks) == 0
	})
}

// gatedStore comes back with what is not its own once the gate is open.
type gatedStore struct {
	*fakeStore
	gate chan struct{}
}

func (s gatedStore) Open(ctx context.Context, c mpi.CID) (*mpi.Bundle, error) {
	if s.world[c] == nil {
		select {
		case <-s.gate:
			c = cidOf("guest")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.fakeStore.Open(ctx, c)
}

// remoteStore never comes back with what is not its own.
type remoteStore struct{ *fakeStore }

func (s remoteStore) Open(ctx context.Context, c mpi.CID) (*mpi.Bundle, error) {
	if s.world[c] != nil {
		return s.fakeStore.Open(ctx, c)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestProgramsOfOthers(t *testing.T) {
	id := cidOf("elsewhere")
	nodes := start(t, 2, func(i int, c *Config) {
		s := c.Store.(*fakeStore)
		s.world[id] = s.world[cidOf("guest")]
		c.AnyProgram = i == 1
	})
	r := mpi.Request{File: string(id), Expected: 1, Messages: []mpi.Message{{To: nodes[1].Self(), Data: mpi.Bytes("echo x")}}}
	if got, err := nodes[0].Do(t.Context(), r); err != nil || texts(got)[0] != "x" {
		t.Errorf("%+v, %v", got, err)
	}
	r.Messages[0].To = nodes[0].Self()
	if got, err := nodes[0].Do(t.Context(), r); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.NotServed {
		t.Errorf("a node that runs only its store's programs: %+v, %v", got, err)
	}
	r.File = string(cidOf("nowhere"))
	r.Messages[0].To = nodes[1].Self()
	if got, err := nodes[0].Do(t.Context(), r); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.NotServed {
		t.Errorf("a program that cannot be had: %+v, %v", got, err)
	}
}

// What the store no longer has is no longer served, and what is new in it is, without a restart.
func TestStoreChangesLive(t *testing.T) {
	nodes := start(t, 2)
	a, b := nodes[0], nodes[1]
	s := b.cfg.Store.(*fakeStore)
	id := cidOf("newer")
	s.world[id] = s.world[cidOf("guest")]
	s.update([]mpi.Interpreter{{Name: "newer", Version: "3.0.0", CID: id}})
	await(t, a, func() bool { p, _ := a.cfg.Pools.Peers(id); return len(p) == 1 })
	r := mpi.Request{File: "newer", Expected: 1, Messages: []mpi.Message{{To: b.Self(), Data: mpi.Bytes("echo x")}}}
	if _, err := a.Do(t.Context(), r); err != nil {
		t.Error(err)
	}
	if got, err := do(t, a, b.Self(), "echo x"); code(err) != mpi.CodeFailed || got.Failures[0].Reason != mpi.NotServed {
		t.Errorf("%+v, %v", got, err)
	}
	if p, err := a.Pool(t.Context(), "guest", true); err != nil || len(p.Peers) != 0 || !p.Served {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestInitOnce(t *testing.T) {
	nodes := start(t, 1, func(_ int, c *Config) {
		s := c.Store.(*fakeStore)
		id := cidOf("broken")
		// the guest panics without a message on its standard input
		s.world[id] = &mpi.Bundle{Run: guest, Init: guest}
		c.Store = &lateStore{s, mpi.Interpreter{Name: "broken", Version: "1.0.0", CID: id}}
	})
	n := nodes[0]
	n.cfg.Store.(*lateStore).add()
	await(t, n, func() bool { return len(n.programs.list()) == 2 && prepared(n) })
	for _, s := range n.Interpreters() {
		if want := map[string]mpi.State{"broken": mpi.Failing, "guest": mpi.Ready}[s.Name]; s.State != want {
			t.Errorf("%s is %s: %s", s, s.State, s.Error)
		}
		if s.State == mpi.Failing && !strings.Contains(s.Error, "init.wasm") {
			t.Errorf("the error does not say where: %s", s.Error)
		}
	}
}

// lateStore gets one more interpreter when the test says so.
type lateStore struct {
	*fakeStore
	more mpi.Interpreter
}

func (l *lateStore) add() { l.update(append(slices.Clone(l.list), l.more)) }
