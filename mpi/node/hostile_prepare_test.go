package node

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// slowRuntime compiles "slow to compile" and runs "slow to run" until they are given up.
type slowRuntime struct{ compiling *atomic.Int32 }

type slowProgram string

func (r slowRuntime) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	r.compiling.Add(1)
	defer r.compiling.Add(-1)
	if string(wasm) == "slow to compile" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return slowProgram(wasm), nil
}
func (slowRuntime) Close() error { return nil }

func (slowProgram) MPI() bool    { return false }
func (slowProgram) Close() error { return nil }
func (p slowProgram) Run(ctx context.Context, _ exec.Exec) exec.Outcome {
	if p == "slow to run" {
		<-ctx.Done()
		return exec.Outcome{Reason: mpi.Cancelled}
	}
	return exec.Outcome{}
}

// openStore counts the bundles that are being opened or prepared.
type openStore struct {
	*fakeStore
	opens atomic.Int32
}

func (s *openStore) Open(ctx context.Context, c mpi.CID) (*mpi.Bundle, error) {
	s.opens.Add(1)
	return s.fakeStore.Open(ctx, c)
}

// slowNode runs any program, and has those of a stranger whose bundles are b.
func slowNode(t *testing.T, strangers int, b mpi.Bundle) (testNode, *openStore, *atomic.Int32, []mpi.CID) {
	var cids []mpi.CID
	var s *openStore
	compiling := new(atomic.Int32)
	n := start(t, 1, func(_ int, c *Config) {
		s = &openStore{fakeStore: c.Store.(*fakeStore)}
		s.list = nil
		for i := range strangers {
			cids = append(cids, cidOf(fmt.Sprint("strange", i)))
			s.world[cids[i]] = &b
		}
		s.world[cidOf("mine")] = &mpi.Bundle{Run: []byte("fast")}
		c.AnyProgram, c.Store, c.Runtime, c.Timeout = true, s, slowRuntime{compiling}, time.Hour
	})[0]
	return n, s, compiling, cids
}

// push delivers a stranger's message for each of the programs.
func push(n testNode, cids []mpi.CID) (requests []mpi.RequestID) {
	for i, c := range cids {
		id := mpi.NewRequestID(stranger)
		requests = append(requests, id)
		n.Receive(stranger, frame.Deliver{ID: uint64(i), Request: id, Program: c, Budget: time.Hour})
	}
	return requests
}

// guests is how many programs of others the node has.
func guests(n testNode) int {
	n.programs.mu.Lock()
	defer n.programs.mu.Unlock()
	return len(n.programs.all)
}

// Programs of strangers that take for ever to compile, or whose init.wasm sleeps, and as many as
// there may be: the owner's own is compiled and runs all the same.
func TestHostileProgramsThatAreNeverReady(t *testing.T) {
	for name, b := range map[string]mpi.Bundle{
		"compilation": {Run: []byte("slow to compile")},
		"init":        {Run: []byte("fast"), Init: []byte("slow to run")},
	} {
		t.Run(name, func(t *testing.T) {
			n, s, compiling, cids := slowNode(t, maxGuests, b)
			requests := push(n, cids)
			await(t, n, func() bool { return s.opens.Load() == maxPreparing })
			if guests(n) != maxGuests {
				t.Errorf("%d programs are being prepared", guests(n))
			}
			r := mpi.Request{File: string(cidOf("mine")), Messages: []mpi.Message{{To: n.Self()}}, Expected: 1}
			got, err := n.Do(t.Context(), r) // it answers nothing, but it ran
			if code(err) != mpi.CodeFailed || len(got.Failures) != 1 || got.Failures[0].Reason != mpi.NoAnswer || n.totals.handled.Load() != 1 {
				t.Errorf("the owner's own: %+v, %v", got, err)
			}
			if c := compiling.Load(); c > 1 {
				t.Errorf("%d programs are compiled", c)
			}
			// Who hangs up is waited for no more.
			for _, id := range requests {
				n.Receive(stranger, frame.Cancel{Request: id})
			}
			await(t, n, func() bool { return guests(n) == 1 && compiling.Load() == 0 })
		})
	}
}

// watchedFiles are files of which each view has a context.
type watchedFiles struct {
	fstest.MapFS
	views chan context.Context
}

func (f watchedFiles) WithContext(ctx context.Context) fs.FS {
	f.views <- ctx
	return f
}

// An init.wasm that is given up while it reads a file that nobody has: the read ends with it, since
// who closes the program waits for the read.
func TestHostileInitThatReads(t *testing.T) {
	files := watchedFiles{views: make(chan context.Context, 1)}
	n, _, _, cids := slowNode(t, 1, mpi.Bundle{Run: []byte("fast"), Init: []byte("slow to run"), Files: files})
	requests := push(n, cids)
	reading := <-files.views
	if reading.Err() != nil {
		t.Error("its files cannot be read while it runs")
	}
	n.Receive(stranger, frame.Cancel{Request: requests[0]})
	<-reading.Done()
}

// Of programs that are wanted by many, and by nobody after a moment, few were ever in memory.
func TestHostileCallersWhoHangUp(t *testing.T) {
	n, s, compiling, cids := slowNode(t, 20, mpi.Bundle{Run: []byte("slow to compile")})
	for round := range 3 {
		requests := push(n, cids)
		await(t, n, func() bool { return compiling.Load() == 1 })
		if opens := s.opens.Load(); round == 0 && opens > maxPreparing {
			t.Errorf("%d programs were fetched", opens)
		}
		for _, id := range requests[1:] {
			n.Receive(stranger, frame.Cancel{Request: id})
		}
		n.Receive(stranger, frame.Cancel{Request: requests[0]})
		await(t, n, func() bool { return guests(n) == 0 && compiling.Load() == 0 })
	}
}

// A program of the store that is none is not fetched again and again.
func TestHostileProgramOfTheStoreIsNotTriedAgain(t *testing.T) {
	s := &invalidStore{}
	n := start(t, 1, func(_ int, c *Config) {
		s.fakeStore = c.Store.(*fakeStore)
		c.Store = s
	})[0]
	s.update(append(slices.Clone(s.list), mpi.Interpreter{Name: "chain", Version: "1.0.0", CID: cidOf("chain")}))
	await(t, n, func() bool { return len(n.programs.list()) == 2 && prepared(n) })
	for _, i := range n.Interpreters() {
		if i.Name == "chain" && i.State != mpi.Failing {
			t.Errorf("it is %s", i.State)
		}
	}
	if s.opens.Load() != 1 {
		t.Errorf("it was opened %d times", s.opens.Load())
	}
}

type invalidStore struct {
	*fakeStore
	opens atomic.Int32
}

func (s *invalidStore) Open(ctx context.Context, c mpi.CID) (*mpi.Bundle, error) {
	if c == cidOf("chain") {
		s.opens.Add(1)
		return nil, mpi.Errorf(mpi.CodeInvalid, "it is a chain of blocks")
	}
	return s.fakeStore.Open(ctx, c)
}
