package ranks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// patient bounds how long a test waits for what must come; it decides nothing but how long a
// failure takes.
const patient = time.Minute

// goRank is a rank of a program written in Go.
type goRank struct {
	x    exec.Exec
	ctx  context.Context
	mem  []byte
	rank int
}

func (g *goRank) Memory() []byte                           { return g.mem }
func (g *goRank) Guard() int64                             { return 0 }
func (g *goRank) Grow(int64) (uint32, int64, error)        { return 0, 0, errors.New("no more memory") }
func (g *goRank) Invoke(uint32, ...uint64) (uint64, error) { return 0, errors.New("no callbacks") }

// must calls an MPI function that has to succeed; else the rank ends.
func (g *goRank) must(name string, args ...int) {
	if v := g.call(name, args...); v != abi.Success {
		panic(ended{fmt.Errorf("%s returned %d", name, v)})
	}
}

// failing calls an MPI function that must not succeed.
func (g *goRank) failing(name string, args ...int) {
	if g.call(name, args...) == abi.Success {
		panic(ended{fmt.Errorf("%s succeeds", name)})
	}
}

// call calls an MPI function, and returns its error code.
func (g *goRank) call(name string, args ...int) uint64 {
	i, ok := abi.Lookup(name)
	if !ok {
		panic("no function " + name)
	}
	raw := make([]uint64, len(args))
	for k, a := range args {
		raw[k] = uint64(uint32(a))
	}
	v, err := g.x.MPI.Call(i, raw)
	if err != nil {
		panic(ended{err})
	}
	return v
}

type ended struct{ err error }

// goProgram is an MPI program: f between MPI_Init and MPI_Finalize.
type goProgram func(g *goRank)

func (goProgram) MPI() bool                                   { return true }
func (goProgram) Run(context.Context, exec.Exec) exec.Outcome { return exec.Outcome{} }
func (goProgram) Close() error                                { return nil }
func (f goProgram) Instances(ctx context.Context) (exec.Instances, error) {
	return goInstances{ctx, f}, nil
}

type goInstances struct {
	ctx context.Context
	f   goProgram
}

func (goInstances) Close() error { return nil }

func (i goInstances) Run(x exec.Exec) (out exec.Outcome) {
	g := &goRank{x: x, ctx: i.ctx, mem: make([]byte, 1<<20)}
	x.MPI.Attach(g)
	defer x.MPI.Close()
	defer func() {
		r := recover()
		end, ok := r.(ended)
		var exit *exec.ExitError
		switch {
		case !ok && r != nil:
			panic(r)
		case errors.As(end.err, &exit):
			out.Reason, out.Exit, out.Detail = exit.Reason, exit.Exit, exit.Detail
		case ok:
			out.Reason, out.Detail = mpi.Cancelled, end.err.Error()
		}
	}()
	g.must("MPI_Init", 0, 0)
	g.must("MPI_Comm_rank", abi.CommWorld, 64)
	g.rank = int(binary.LittleEndian.Uint32(g.mem[64:]))
	i.f(g)
	g.must("MPI_Finalize")
	return out
}

// owner notes what a group says. hooks, if set, are called instead.
type owner struct {
	packets func(node int, data []byte)
	credit  func(node int, n int64)
	room    func(n int64) bool

	mu     sync.Mutex
	out    map[string]string // by rank and stream
	calls  int               // of Output and File
	bytes  int64             // of those, as credit counts them
	files  map[string]string
	read   int
	stood  []exec.Standing
	ends   map[int]exec.Outcome
	broken map[int]string
	faults []string
	closed bool
	late   []string // what was said after Close
	more   chan struct{}
}

func newOwner() *owner {
	return &owner{
		out: map[string]string{}, files: map[string]string{}, ends: map[int]exec.Outcome{}, broken: map[int]string{},
		more: make(chan struct{}, 1),
	}
}

func (o *owner) note(what string, f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		o.late = append(o.late, what)
	}
	f()
	select {
	case o.more <- struct{}{}:
	default:
	}
}

func (o *owner) Packets(node int, data []byte) {
	o.note("Packets", func() {})
	if o.packets != nil {
		o.packets(node, data)
	}
}

func (o *owner) PacketCredit(node int, n int64) {
	o.note("PacketCredit", func() {})
	if o.credit != nil {
		o.credit(node, n)
	}
}

func (o *owner) Output(rank int, stream byte, data []byte) {
	o.note("Output", func() {
		o.out[fmt.Sprint(rank, " ", stream)] += string(data)
		o.calls++
		o.bytes += int64(len(data)) + frame.OutputCost
	})
}

func (o *owner) File(rank int, name string, size, offset int64, data []byte) {
	o.note("File", func() {
		if int(offset) != len(o.files[name]) {
			o.faults = append(o.faults, "a part of a file out of place")
		}
		o.files[name] += string(data)
		o.bytes += int64(len(data)) + frame.OutputCost
	})
}

func (o *owner) InputRead(n int) { o.note("InputRead", func() { o.read += n }) }

func (o *owner) Room(n int64) bool { return o.room == nil || o.room(n) }

func (o *owner) Stand(s exec.Standing) { o.note("Stand", func() { o.stood = append(o.stood, s) }) }

func (o *owner) Broken(node int, why string) { o.note("Broken", func() { o.broken[node] = why }) }

func (o *owner) Ended(rank int, out exec.Outcome) {
	o.note("Ended", func() {
		if _, twice := o.ends[rank]; twice {
			o.faults = append(o.faults, fmt.Sprintf("rank %d ended twice", rank))
		}
		o.ends[rank] = out
	})
}

func (o *owner) Fault(why string, _ *exec.Crash) {
	o.note("Fault", func() { o.faults = append(o.faults, why) })
}

// await waits until a condition holds that changes by what the group says.
func (o *owner) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(patient)
	for {
		o.mu.Lock()
		is := ok()
		o.mu.Unlock()
		if is {
			return
		}
		select {
		case <-o.more:
		case <-end:
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// allEnded waits until n ranks have ended.
func (o *owner) allEnded(t *testing.T, n int) {
	t.Helper()
	o.await(t, fmt.Sprintf("%d ranks have ended", n), func() bool { return len(o.ends) == n })
}

// newGroup makes a group of node self of a job whose ranks are on nodes of count.
func newGroup(t *testing.T, f goProgram, o *owner, self, count int, nodes ...int) *group {
	t.Helper()
	g, err := NewHost(Config{}).Group(t.Context(), f, exec.RankConfig{
		Job: "test", Nodes: nodes, Self: self, Count: count, Slots: len(nodes), Host: "host", Args: []string{"prog"},
		Memory: 1 << 20, Scratch: 1 << 20, Stdin: true,
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.(*group)
}

// shut closes a group, after which it says nothing.
func (o *owner) shut(t *testing.T, g *group) {
	t.Helper()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
}
