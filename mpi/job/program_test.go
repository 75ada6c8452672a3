package job

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// patient bounds how long a test waits for what must come; it decides nothing but how long a
// failure takes.
const patient = time.Minute

// soon is within what a failing job must have ended everywhere.
const soon = 2 * time.Second

// goRank is a rank of a program written in Go.
type goRank struct {
	x    exec.Exec
	ctx  context.Context // of the rank group
	mem  []byte
	rank int
	size int
}

// ended is what ends a goRank from within.
type ended struct{ err error }

// errCrash is the end of a goRank that crashes the process in which it runs.
var errCrash = errors.New("the worker crashed")

// call calls an MPI function; a call that fails ends the rank.
func (g *goRank) call(name string, args ...int) int {
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
	return int(int32(v))
}

// must calls an MPI function that has to succeed.
func (g *goRank) must(name string, args ...int) {
	if code := g.call(name, args...); code != abi.Success {
		panic(ended{&exec.ExitError{Reason: mpi.Aborted, Exit: 99, Detail: fmt.Sprintf("%s returned %d", name, code)}})
	}
}

func (g *goRank) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(g.x.Streams.Out, format, args...); err != nil {
		panic(ended{err})
	}
}

// exit ends the rank with a code.
func (g *goRank) exit(code int) {
	panic(ended{&exec.ExitError{Reason: mpi.Exited, Exit: code, Detail: fmt.Sprintf("exit code %d", code)}})
}

func (g *goRank) put(addr int, v int32) { binary.LittleEndian.PutUint32(g.mem[addr:], uint32(v)) }
func (g *goRank) get(addr int) int32    { return int32(binary.LittleEndian.Uint32(g.mem[addr:])) }

// send and recv are one int to or from a rank, on MPI_COMM_WORLD, with tag 5.
func (g *goRank) send(to int, v int32) {
	g.put(128, v)
	g.must("MPI_Send", 128, 1, abi.Int, to, 5, abi.CommWorld)
}

func (g *goRank) recv(from int) int32 {
	g.must("MPI_Recv", 132, 1, abi.Int, from, 5, abi.CommWorld, 0)
	return g.get(132)
}

// forever computes until the job ends.
func (g *goRank) forever() {
	<-g.ctx.Done()
	panic(ended{g.ctx.Err()})
}

func (g *goRank) Memory() []byte                           { return g.mem }
func (g *goRank) Guard() int64                             { return 0 }
func (g *goRank) Grow(int64) (uint32, int64, error)        { return 0, 0, errors.New("no more memory") }
func (g *goRank) Invoke(uint32, ...uint64) (uint64, error) { return 0, errors.New("no callbacks") }

// goPrograms is a runtime whose programs are Go functions, named by their bytes.
type goPrograms map[string]func(g *goRank)

func (r goPrograms) Compile(_ context.Context, wasm []byte) (exec.Program, error) {
	if f := r[string(wasm)]; f != nil {
		return goProgram{f, string(wasm) != "handler"}, nil
	}
	return nil, fmt.Errorf("it is not WebAssembly: %q", wasm)
}

func (goPrograms) Close() error { return nil }

type goProgram struct {
	f     func(g *goRank)
	isMPI bool
}

func (p goProgram) MPI() bool                                   { return p.isMPI }
func (p goProgram) Run(context.Context, exec.Exec) exec.Outcome { return exec.Outcome{} }
func (p goProgram) Close() error                                { return nil }

func (p goProgram) Instances(ctx context.Context) (exec.Instances, error) {
	return goGroup{ctx, p.f}, nil
}

type goGroup struct {
	ctx context.Context
	f   func(g *goRank)
}

func (goGroup) Close() error { return nil }

func (x goGroup) Run(e exec.Exec) (out exec.Outcome) {
	g := &goRank{x: e, ctx: x.ctx, mem: make([]byte, 1<<20)}
	e.MPI.Attach(g)
	defer e.MPI.Close()
	out.Memory = int64(len(g.mem))
	defer func() {
		r := recover()
		end, ok := r.(ended)
		if !ok && r != nil {
			panic(r)
		}
		var exit *exec.ExitError
		switch {
		case !ok:
		case errors.As(end.err, &exit) && exit.Reason == mpi.Exited && exit.Exit == 0:
		case end.err == errCrash:
			out.Reason, out.Detail, out.Crash = mpi.Internal, errCrash.Error(), &exec.Crash{Cause: errCrash.Error()}
		case exit != nil:
			out.Reason, out.Exit, out.Detail = exit.Reason, exit.Exit, exit.Detail
		default:
			out.Reason, out.Detail = mpi.Cancelled, end.err.Error()
		}
	}()
	x.f(g)
	return out
}

// withMPI is a program between Init and Finalize.
func withMPI(f func(g *goRank)) func(g *goRank) {
	return func(g *goRank) {
		g.must("MPI_Init", 0, 0)
		g.must("MPI_Comm_rank", abi.CommWorld, 64)
		g.must("MPI_Comm_size", abi.CommWorld, 68)
		g.rank, g.size = int(g.get(64)), int(g.get(68))
		f(g)
		g.must("MPI_Finalize")
	}
}

// logged is what the events of a job were, to its end.
type logged struct {
	*mpi.Job
	out    map[int]string // standard output by rank
	err    map[int]string
	events []mpi.JobEvent
}

// run starts a job and follows it to its end.
func (n testNode) run(t *testing.T, spec mpi.JobSpec) logged {
	t.Helper()
	j, err := n.StartJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return n.follow(t, j.ID)
}

func (n testNode) follow(t *testing.T, id string) logged {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	l := logged{out: map[int]string{}, err: map[int]string{}}
	text := map[mpi.EventType]map[int]*strings.Builder{"stdout": {}, "stderr": {}}
	err := n.JobEvents(ctx, id, 0, func(e mpi.JobEvent) error {
		if of := text[e.Type]; of != nil {
			if of[e.Rank] == nil {
				of[e.Rank] = new(strings.Builder)
			}
			of[e.Rank].WriteString(e.Text)
		}
		l.events = append(l.events, e)
		return nil
	})
	for r, b := range text["stdout"] {
		l.out[r] = b.String()
	}
	for r, b := range text["stderr"] {
		l.err[r] = b.String()
	}
	if err != nil {
		t.Fatalf("following job %s: %v", id, err)
	}
	if l.Job, err = n.Job(id); err != nil {
		t.Fatal(err)
	}
	return l
}

// await waits for a job's event that fits.
func (n testNode) awaitEvent(t *testing.T, id string, what string, fits func(e mpi.JobEvent) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	found := errors.New("found")
	if err := n.JobEvents(ctx, id, 0, func(e mpi.JobEvent) error {
		if fits(e) {
			return found
		}
		return nil
	}); err != found {
		t.Fatalf("job %s: no event %s: %v", id, what, err)
	}
}

// says is for awaitEvent: a line of output.
func says(text string) func(e mpi.JobEvent) bool {
	return func(e mpi.JobEvent) bool { return e.Type == "stdout" && e.Text == text }
}

// isDone checks that a job ended well.
func (l logged) isDone(t *testing.T) {
	t.Helper()
	if l.State != mpi.JobDone || l.Exit != 0 || l.Cause != nil {
		t.Errorf("the job is %s, exit code %d, cause %+v", l.State, l.Exit, l.Cause)
	}
}

const anyRank = -2

// failed checks that a job failed as it should.
func (l logged) failed(t *testing.T, why mpi.Reason, rank, exit int, texts ...string) {
	t.Helper()
	if l.State != mpi.JobFailed || l.Cause == nil {
		t.Fatalf("the job is %s, cause %+v: it should have failed", l.State, l.Cause)
	}
	if l.Cause.Reason != why || l.Cause.Rank != rank && rank != anyRank || l.Exit != exit {
		t.Errorf("the cause is %s of rank %d, exit code %d (%s): want %s, %d, %d", l.Cause.Reason, l.Cause.Rank, l.Exit, l.Cause.Detail, why, rank, exit)
	}
	for _, s := range texts {
		if !strings.Contains(l.Cause.Detail, s) {
			t.Errorf("the cause does not say %q: %s", s, l.Cause.Detail)
		}
	}
}

// places are the nodes of the ranks, by their place in nodes.
func (l logged) places(nodes []testNode) []int {
	var list []int
	for _, r := range l.Ranks {
		list = append(list, slices.IndexFunc(nodes, func(n testNode) bool { return n.Self() == r.Peer }))
	}
	return list
}

// idle waits until nothing of any job is left on the nodes.
func idle(t *testing.T, nodes ...testNode) {
	t.Helper()
	for i, n := range nodes {
		eventually(t, fmt.Sprintf("nothing of a job is left on node %d", i), func() bool {
			n.mu.RLock()
			defer n.mu.RUnlock()
			return len(n.parts) == 0 && len(n.mine) == 0 && n.slots.count() == 0
		})
	}
}

// eventually waits for a condition that no channel tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patient); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
