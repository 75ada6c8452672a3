package wasm

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// rank is one run of an MPI program. It belongs to the goroutine that runs it.
type rank struct {
	g    *rankGroup
	x    exec.Exec
	host *wasi.Host
	in   *native.Instance
	view []byte // its memory as far as it has been looked at; it never moves, nor shrinks

	args  [maxNested][native.MaxParams]uint64 // of the calls of the library under way, each within the one before
	depth int
	cause error  // why the library ended it: the first such error
	fault string // the host function that panicked
}

var (
	_ native.Host = (*rank)(nil)
	_ exec.Guest  = (*rank)(nil)
)

// Run implements [exec.RankGroup]. x.Timeout and x.Output do not matter: the job has its own time, and its streams take what they take.
func (g *rankGroup) Run(x exec.Exec) exec.Outcome {
	start := time.Now()
	out := g.run(x)
	out.Elapsed = time.Since(start)
	return out
}

func (g *rankGroup) run(x exec.Exec) exec.Outcome {
	switch {
	case x.MPI == nil || x.Memory <= 0:
		return failed(mpi.Internal, fmt.Sprintf("wasm: a rank needs MPI and limits: Memory is %d", x.Memory))
	case g.ctx.Err() != nil:
		return failed(mpi.Cancelled, g.why())
	case g.p.code.info.memory > x.Memory:
		return tooSmall(g.p.code.info.memory, x.Memory)
	case !g.enter():
		return failed(mpi.Internal, "wasm: the rankGroup is closed")
	}
	r := &rank{g: g, x: x}
	cfg := wasi.Config{Args: x.Args, Env: x.Env, Stdin: x.Stdin, Files: x.Files, Output: math.MaxInt, Stderr: x.Stderr}
	if x.Output > 0 {
		cfg.Output = x.Output
	}
	if s := x.Streams; s != nil {
		cfg.Stdin, cfg.In, cfg.Out, cfg.Err = nil, s.In, s.Out, s.Err
	}
	if x.Scratch != nil {
		cfg.Scratch, cfg.ScratchTake = x.Scratch.Limit, x.Scratch.Take
	}
	r.host = wasi.New(g.ctx, cfg)

	done := make(chan exec.Outcome, 1)
	go func() { // joined by leave: rankGroup.Close and Runtime.Close wait for it
		defer g.leave()
		// A rank has a thread while it is in the program, which is nearly always. Locked and never unlocked, the thread ends with it:
		// hundreds would be left of a large job.
		runtime.LockOSThread()
		r.run(func(out exec.Outcome) { done <- out })
	}()
	select {
	case out := <-done:
		return out
	case <-g.ctx.Done():
	}
	// What computes, sleeps or is in the library ends now. What waits for a file or a stream may not, and is given up.
	again := time.NewTicker(Tick)
	defer again.Stop()
	for {
		if r.host.Abandon() {
			return r.abandoned()
		}
		select {
		case out := <-done:
			return out
		case <-again.C:
		}
	}
}

// run makes the instance, runs it to its end, takes the library away from its memory, tells how it ended, once, and frees it.
func (r *rank) run(tell func(exec.Outcome)) {
	told := false
	defer func() { // for a fault outside of a call
		if p := recover(); p != nil {
			r.crash("the engine", p)
			if !told {
				tell(failed(mpi.Internal, "a fault in the engine: see this node's log"))
			}
		}
	}()
	defer r.host.Close()
	c := r.g.p.code
	in, err := c.linked.New(r, &r.g.brake, native.Limits{Memory: r.x.Memory, Elements: maxTableElements, Tables: maxTables})
	if err != nil {
		told = true
		tell(failed(mpi.Internal, err.Error()))
		return
	}
	defer in.Close()
	detach := sync.OnceFunc(r.x.MPI.Close)
	defer detach()
	r.in = in
	r.x.MPI.Attach(r)
	err = in.Start(c.linked, native.Exports{Table: c.info.table, Safepoint: module.Safepoint, Begin: module.Begin})
	used := int64(len(in.Memory()))
	detach()
	out := r.outcome(err, used)
	told = true
	tell(out)
}

// Call implements [native.Host].
func (r *rank) Call(id int, args []uint64) (result uint64, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.crash(r.nameOf(id), p)
			ok = false
		}
	}()
	if id >= wasiID {
		var a wasi.Args
		copy(a[:], args)
		f := &r.g.system[id-wasiID]
		e := r.host.Call(f, r.view, &a)
		if e == wasi.EFAULT {
			if before := len(r.view); len(r.Memory()) > before { // it has grown since it was looked at, and the call has done nothing
				e = r.host.Call(f, r.view, &a)
			}
		}
		return uint64(e), e != wasi.Stop
	}
	if r.depth == maxNested {
		r.end(&exec.ExitError{Reason: mpi.Trapped, Detail: "callbacks of MPI functions call each other without end"})
		return 0, false
	}
	// The library may keep the slice longer than the arguments are good for, and what is given lies on the thread's stack.
	mine := r.args[r.depth][:copy(r.args[r.depth][:], args)]
	r.depth++
	v, err := r.x.MPI.Call(id, mine)
	r.depth--
	if err != nil {
		r.end(err)
	}
	return v, r.cause == nil && r.fault == "" && r.host.End().Why == wasi.Running // a callback may have ended it
}

// maxNested bounds calls of MPI from callbacks of calls of MPI, …
const maxNested = 64

// end notes why the program has to end, unless it has to already.
func (r *rank) end(err error) {
	if r.cause == nil && r.host.End().Why == wasi.Running {
		r.cause = err
	}
}

func (r *rank) nameOf(id int) string {
	if id >= wasiID {
		return r.g.system[id-wasiID].Name
	}
	return abi.Functions[id].Name
}

func (r *rank) crash(where string, p any) {
	if r.fault == "" {
		r.fault = where
	}
	r.g.p.r.log.Error("panic in a host function", "function", where, "panic", p, "stack", string(debug.Stack()))
}

// Memory implements [exec.Guest].
func (r *rank) Memory() []byte {
	r.view = r.in.Memory()
	return r.view
}

// Grow implements [exec.Guest].
func (r *rank) Grow(n int64) (addr uint32, got int64, err error) {
	if n <= 0 || n > maxPages*pageSize {
		return 0, 0, fmt.Errorf("wasm: memory cannot grow by %d bytes", n)
	}
	if r.g.p.code.info.alone {
		return 0, 0, errors.New("wasm: a Go program takes memory that the host adds for its own heap")
	}
	pages := (n + pageSize - 1) / pageSize
	before, ok := r.in.Grow(uint64(pages))
	if !ok {
		return 0, 0, fmt.Errorf("wasm: %s more than the %s in use do not fit its limit of %s", size(n), size(int64(len(r.in.Memory()))), size(r.x.Memory))
	}
	return uint32(before), pages * pageSize, nil
}

// Invoke implements [exec.Guest].
func (r *rank) Invoke(function uint32, args ...uint64) (uint64, error) {
	v, err := r.in.Invoke(function, args...)
	if err == nil && r.cause == nil && r.fault == "" {
		return v, nil
	}
	end := &exec.ExitError{}
	switch why := native.NoFunction(""); {
	case errors.As(err, &why):
		end.Reason, end.Detail = mpi.Trapped, fmt.Sprintf("MPI calls back function %d: %s", function, string(why))
	default:
		out := exec.Outcome{}
		r.explain(&out, err)
		end.Reason, end.Exit, end.Detail = out.Reason, out.Exit, out.Detail
	}
	r.end(end)
	return 0, end
}

// outcome says how the rank ended.
func (r *rank) outcome(err error, used int64) exec.Outcome {
	if !r.host.Finish() {
		return exec.Outcome{} // Run has returned already
	}
	r.host.Flush()
	out := exec.Outcome{Stdout: r.host.Stdout(), Stderr: r.host.Stderr(), Memory: used}
	if r.x.Scratch != nil {
		r.x.Scratch.Files = nil
		for _, f := range r.host.Written() {
			r.x.Scratch.Files = append(r.x.Scratch.Files, exec.ScratchFile(f))
		}
	}
	r.explain(&out, err)
	blameMemory(&out, r.x.Memory)
	return out
}

// explain fills in Reason, Exit and Detail.
func (r *rank) explain(out *exec.Outcome, err error) {
	var exit *exec.ExitError
	var trap *native.Trap
	end := r.host.End()
	switch {
	case r.fault != "":
		out.Reason, out.Detail = mpi.Internal, "a fault of this node in "+r.fault+": see its log"
	case errors.As(r.cause, &exit):
		out.Reason, out.Exit, out.Detail = exit.Reason, exit.Exit, exit.Detail
	case r.cause != nil:
		out.Reason, out.Detail = mpi.Cancelled, r.cause.Error()
	case end.Why != wasi.Running:
		r.explainEnd(out, end)
	case err == nil:
	case errors.Is(err, native.ErrStopped):
		out.Reason, out.Detail = mpi.Cancelled, r.g.why()
	case !errors.As(err, &trap):
		explainError(r.g.p, r.x.Memory, out, flatten(err).Error())
	default:
		out.Reason, out.Detail = mpi.Trapped, trapText(wasmtime.TrapCode(trap.Code), r.g.p.code.eng.stack)+whereIn(trap.Frames)
	}
}

// explainEnd is for an end in a call of WASI.
func (r *rank) explainEnd(out *exec.Outcome, end wasi.End) {
	switch end.Why {
	case wasi.Exited:
		if code := int(int32(end.Code)); code != 0 {
			out.Reason, out.Exit, out.Detail = mpi.Exited, code, fmt.Sprintf("exit code %d", code)
		}
	case wasi.Flooded:
		out.Reason, out.Detail = mpi.OutputLimit, fmt.Sprintf("wrote more than its limit of %d bytes to standard output", r.x.Output)
	default:
		out.Reason, out.Detail = mpi.Cancelled, r.g.why()
	}
}

// abandoned is the outcome of a rank that waits for a file or a stream.
func (r *rank) abandoned() exec.Outcome {
	r.host.Flush()
	return exec.Outcome{Stdout: r.host.Stdout(), Stderr: r.host.Stderr(), Reason: mpi.Cancelled, Detail: r.g.why()}
}
