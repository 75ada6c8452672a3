package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/test/wat"
)

// owner plays the job of one node: it passes packets on to the others, and gives credit for output
// at once.
type owner struct {
	t    testing.TB
	self int
	n    int // ranks here

	mu     sync.Mutex
	group  exec.RankGroup
	others []*owner
	out    map[int]string
	stood  []exec.Standing
	files  map[string][]byte
	ended  map[int]exec.Outcome
	read   int
	rooms  int64
	full   bool // there is no room
	fault  string
	crash  *exec.Crash // of the fault
	broken string
	closed bool          // after Close
	faults chan struct{} // closed at the fault
	over   chan struct{} // closed when all ranks have ended
}

func newOwner(t testing.TB, self, n int) *owner {
	return &owner{t: t, self: self, n: n, out: map[int]string{}, files: map[string][]byte{}, ended: map[int]exec.Outcome{},
		faults: make(chan struct{}), over: make(chan struct{})}
}

// lock locks, and checks that the group has not been closed.
func (o *owner) lock() {
	o.mu.Lock()
	if o.closed {
		o.t.Error("the owner hears something after Close")
	}
}

func (o *owner) node(n int) exec.RankGroup {
	o.lock()
	other := o.others[n]
	o.mu.Unlock() // one at a time: the other may ask for this one
	other.mu.Lock()
	defer other.mu.Unlock()
	return other.group
}

func (o *owner) Packets(n int, data []byte)      { o.node(n).Packets(o.self, data) }
func (o *owner) PacketCredit(n int, bytes int64) { o.node(n).PacketCredit(o.self, bytes) }

func (o *owner) Output(rank int, stream byte, data []byte) {
	o.lock()
	o.out[rank] += string(data)
	g := o.group
	o.mu.Unlock()
	g.OutputCredit(int64(len(data) + frame.OutputCost))
}

func (o *owner) File(rank int, name string, size, offset int64, data []byte) {
	o.lock()
	o.files[name] = append(o.files[name], data...)
	g := o.group
	o.mu.Unlock()
	g.OutputCredit(int64(len(data) + frame.OutputCost))
}

func (o *owner) Stand(s exec.Standing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stood = append(o.stood, s)
}

func (o *owner) InputRead(n int) {
	o.lock()
	defer o.mu.Unlock()
	o.read += n
}

func (o *owner) Room(n int64) bool {
	o.lock()
	defer o.mu.Unlock()
	if n > 0 && o.full {
		return false
	}
	o.rooms += n
	return true
}

func (o *owner) Broken(n int, why string) {
	o.lock()
	defer o.mu.Unlock()
	o.broken = fmt.Sprintf("node %d: %s", n, why)
}

func (o *owner) Fault(why string, crash *exec.Crash) {
	o.lock()
	defer o.mu.Unlock()
	if o.fault != "" {
		o.t.Errorf("a second fault: %s", why)
	} else {
		close(o.faults)
	}
	o.fault, o.crash = why, crash
}

func (o *owner) Ended(rank int, out exec.Outcome) {
	o.lock()
	defer o.mu.Unlock()
	if _, again := o.ended[rank]; again {
		o.t.Errorf("rank %d ends twice", rank)
	}
	o.ended[rank] = out
	if len(o.ended) == o.n {
		close(o.over)
	}
}

// wait waits for the end of all ranks, closes the group and returns the outcomes.
func (o *owner) wait() map[int]exec.Outcome {
	o.t.Helper()
	select {
	case <-o.over:
	case <-time.After(time.Minute):
		o.t.Error("the ranks have not ended after a minute")
	}
	o.close()
	return o.ended
}

func (o *owner) close() {
	o.t.Helper()
	if err := o.group.Close(); err != nil {
		o.t.Error(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.rooms != 0 {
		o.t.Errorf("%d bytes of room were not given back", o.rooms)
	}
}

func rankConfig(nodes []int, self, count int) exec.RankConfig {
	return exec.RankConfig{Job: "job", Nodes: nodes, Self: self, Count: count, Slots: len(nodes), Host: "here",
		Args: []string{"run"}, Memory: 16 << 20, Scratch: 1 << 20}
}

// group readies the ranks of one node.
func (o *owner) ready(ctx context.Context, p exec.Program, cfg exec.RankConfig) {
	o.t.Helper()
	g, err := p.(exec.RankProgram).RankGroup(ctx, cfg, o)
	if err != nil {
		o.t.Fatal(err)
	}
	o.mu.Lock()
	o.group = g
	o.mu.Unlock()
}

// TestGroups runs four ranks on two nodes.
func TestGroups(t *testing.T) {
	nodes := []int{0, 0, 1, 1}
	owners := []*owner{newOwner(t, 0, 2), newOwner(t, 1, 2)}
	for i, o := range owners {
		o.others = owners
		p := compile(t, newRuntime(t, RuntimeConfig{}), wat.Ranks)
		cfg := rankConfig(nodes, i, 2)
		cfg.Stdin = true
		o.ready(t.Context(), p, cfg)
	}
	for _, o := range owners {
		o.group.Load(3)
		o.group.Start()
	}
	input := strings.Repeat("0123456789", 10000)
	owners[0].group.Input([]byte(input[:60000]))
	owners[0].group.Input([]byte(input[60000:]))
	owners[0].group.Input(nil)
	owners[0].group.Input([]byte("too late"))
	for _, o := range owners {
		for rank, out := range o.wait() {
			want := "ok\n"
			if rank == 0 {
				want = input + want
			}
			if out.Reason != "" || o.out[rank] != want || out.Memory != 40<<16 || out.Elapsed <= 0 || out.Crash != nil {
				t.Errorf("rank %d: %+v, %d bytes of output", rank, out, len(o.out[rank]))
			}
		}
		if o.fault != "" || o.broken != "" {
			t.Errorf("%s, %s", o.fault, o.broken)
		}
	}
	if o := owners[0]; !bytes.Equal(o.files["out"], bytes.Repeat([]byte{1}, 100000)) || o.read != len(input) {
		t.Errorf("a file of %d bytes, %d bytes of input read", len(o.files["out"]), o.read)
	}
}

// TestGroupNoRoom: a rank whose files have no room is told so.
func TestGroupNoRoom(t *testing.T) {
	o := newOwner(t, 0, 4)
	o.full = true
	o.ready(t.Context(), compile(t, newRuntime(t, RuntimeConfig{}), wat.Ranks), rankConfig(make([]int, 4), 0, 1))
	o.group.Start()
	ended := o.wait()
	if ended[1].Reason == "" || len(o.files["out"]) > 0 || ended[2].Reason != "" {
		t.Errorf("%+v, %v", ended, o.files)
	}
}

// TestGroupLook: a worker is asked what its ranks do, and each question has one answer.
func TestGroupLook(t *testing.T) {
	o := newOwner(t, 0, 2)
	o.ready(t.Context(), compile(t, newRuntime(t, RuntimeConfig{}), wat.Wait), rankConfig(make([]int, 2), 0, 1))
	o.group.Start()
	look := func() exec.Standing {
		o.mu.Lock()
		before := len(o.stood)
		o.mu.Unlock()
		o.group.Look()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
			o.mu.Lock()
			now := o.stood
			o.mu.Unlock()
			if len(now) > before {
				return now[before]
			}
		}
		t.Fatal("no answer")
		return exec.Standing{}
	}
	var s exec.Standing
	for len(s.Waits) == 0 { // rank 0 is not there yet
		s = look()
	}
	if w := s.Waits[0]; len(s.Waits) != 1 || w.Rank != 0 || w.What() != "MPI_Recv from rank 1 (tag 1) on MPI_COMM_WORLD" || s.Idle {
		t.Errorf("it stands %+v", s)
	}
	o.close()
}

// TestGroupCancelled: ranks end with their context, whatever they do, and say its cause.
func TestGroupCancelled(t *testing.T) {
	p := compile(t, newRuntime(t, RuntimeConfig{}), wat.Wait)
	ctx, cancel := context.WithCancelCause(t.Context())
	o := newOwner(t, 0, 4)
	o.ready(ctx, p, rankConfig(make([]int, 4), 0, 1))
	o.group.Start()
	begin := time.Now()
	cancel(errors.New("the user does not want it any more"))
	for rank, out := range o.wait() {
		if out.Reason != mpi.Cancelled || out.Crash != nil {
			t.Errorf("rank %d: %+v", rank, out)
		}
	}
	t.Log("gone after", time.Since(begin))
	// Close ends them too, also before they were started.
	for _, start := range []bool{true, false} {
		o := newOwner(t, 0, 4)
		o.ready(t.Context(), p, rankConfig(make([]int, 4), 0, 1))
		if start {
			o.group.Start()
		}
		o.close()
		o.group.Start()
		if n := len(o.ended); start != (n == 4) || o.fault != "" {
			t.Errorf("started %v: %d ended; %s", start, n, o.fault)
		}
	}
	if _, err := p.(exec.RankProgram).RankGroup(ctx, rankConfig([]int{0}, 0, 1), o); err == nil {
		t.Error("a group whose context has ended")
	}
	for name, cfg := range map[string]exec.RankConfig{
		"no rank here": rankConfig([]int{1}, 0, 2), "a node too many": rankConfig([]int{0, 2}, 0, 2),
		"no such node": rankConfig([]int{0}, 1, 1),
	} {
		if _, err := p.(exec.RankProgram).RankGroup(t.Context(), cfg, o); err == nil {
			t.Error(name)
		}
	}
}

// TestGroupFailRanks: a worker is told which ranks have failed. One of them that it runs and that
// waits for a message ends, and so does one that needs it.
func TestGroupFailRanks(t *testing.T) {
	o := newOwner(t, 0, 4)
	o.ready(t.Context(), compile(t, newRuntime(t, RuntimeConfig{}), wat.Wait), rankConfig(make([]int, 4), 0, 1))
	o.group.FailRanks([]int{-1, 4}, "no such ranks")
	o.group.Start()
	o.group.FailRanks([]int{0}, "it is not needed")
	o.group.FailRanks([]int{0}, "known already")
	for end := time.Now().Add(time.Minute); ; runtime.Gosched() {
		o.mu.Lock()
		out, ok := o.ended[0]
		n := len(o.ended)
		o.mu.Unlock()
		if ok {
			if out.Reason != mpi.Cancelled || out.Detail != "it is not needed" || n != 1 {
				t.Errorf("%+v; %d have ended", out, n)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("a failed rank has not ended")
		}
	}
	o.close()
}
