package wasm

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// Run implements [exec.Instances]. x.Timeout and x.Output do not matter: the job has its own time,
// and its streams take what they take.
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
		return tooSmall(g.p.code.info.memory, x.Memory, true)
	case !g.enter():
		return failed(mpi.Internal, "wasm: the rank group is closed")
	}
	in := &instance{p: g.p, x: x, owner: g, stack: rankStack()}
	cfg := wasi.Config{
		Args: x.Args, Env: x.Env, Stdin: x.Stdin, Files: x.Files, Output: math.MaxInt, Stderr: x.Stderr,
	}
	if x.Output > 0 {
		cfg.Output = x.Output
	}
	if s := x.Streams; s != nil {
		cfg.Stdin, cfg.In, cfg.Out, cfg.Err = nil, s.In, s.Out, s.Err
	}
	if x.Scratch != nil {
		cfg.Scratch, cfg.ScratchTake = x.Scratch.Limit, x.Scratch.Take
	}
	in.host = wasi.New(g.ctx, cfg)

	done := make(chan exec.Outcome, 1)
	go func() { // joined by leave: rankGroup.Close and Runtime.Close wait for it
		defer g.leave()
		// A rank has a thread while it is in the program, which is nearly always. Locked and never
		// unlocked, the thread ends with it: hundreds would be left of a large job.
		runtime.LockOSThread()
		defer in.closeFiles()
		in.run(&g.flag, func(out exec.Outcome) { done <- out })
	}()
	return in.await(g.ctx, done)
}

// stopped implements [owner].
func (g *rankGroup) stopped(string) (mpi.Reason, string) { return mpi.Cancelled, g.why() }

// ended implements [owner].
func (g *rankGroup) ended(wasi.Why) (mpi.Reason, string) { return mpi.Cancelled, g.why() }

// gaveUp implements [owner].
func (g *rankGroup) gaveUp() (mpi.Reason, string) { return mpi.Cancelled, g.why() }
