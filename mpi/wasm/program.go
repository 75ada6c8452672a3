package wasm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// program is a caller's hold on a code.
type program struct {
	r    *Runtime
	code *code

	running sync.WaitGroup // instances of this hold; raised under Runtime.mu while closed is false
	closed  bool           // guarded by Runtime.mu
}

// MPI implements [exec.Program].
func (p *program) MPI() bool { return p.code.info.mpi }

// Close implements [exec.Program]: it waits for the last Run.
func (p *program) Close() error {
	p.r.mu.Lock()
	first := !p.closed
	p.closed = true
	p.r.mu.Unlock()
	p.running.Wait()
	if first {
		p.r.release(p.code)
	}
	return nil
}

// Run implements [exec.Program].
func (p *program) Run(ctx context.Context, x exec.Exec) exec.Outcome {
	start := time.Now()
	out := p.run(ctx, x, start)
	out.Elapsed = time.Since(start)
	return out
}

func (p *program) run(ctx context.Context, x exec.Exec, start time.Time) exec.Outcome {
	if p.MPI() {
		return failed(mpi.Internal, "it is an MPI program: those are run as jobs (ipfs-mpi run), not on messages")
	}
	if x.Timeout <= 0 || x.Memory <= 0 || x.Output < 0 {
		return failed(mpi.Internal, fmt.Sprintf("wasm: an instance needs limits: Timeout is %s, Memory %d, Output %d", x.Timeout, x.Memory, x.Output))
	}
	if d, ok := ctx.Deadline(); ok {
		x.Timeout = min(x.Timeout, time.Until(d))
	}
	x.Timeout = min(x.Timeout, maxTimeout)
	switch {
	case ctx.Err() == context.Canceled:
		return failed(mpi.Cancelled, "cancelled before it started")
	case x.Timeout <= 0:
		return failed(mpi.TimedOut, "its time was up before it started")
	case p.code.info.memory > x.Memory:
		return tooSmall(p.code.info.memory, x.Memory)
	}
	in := newInstance(ctx, p, x, start)
	if !p.r.enter(p, in) {
		in.cancel()
		return failed(mpi.Internal, errClosed.Error())
	}
	if x.Files == nil {
		defer in.leave()
		var out exec.Outcome
		in.run(func(o exec.Outcome) { out = o })
		return out
	}
	return in.runWithFiles()
}

func failed(why mpi.Reason, detail string) exec.Outcome {
	return exec.Outcome{Reason: why, Detail: detail}
}

// runWithFiles runs the instance beside the caller, which can then give it up.
func (in *instance) runWithFiles() exec.Outcome {
	done := make(chan exec.Outcome, 1)
	go func() { // joined by leave: program.Close and Runtime.Close wait for it
		defer in.leave()
		in.run(func(out exec.Outcome) { done <- out })
		in.closeFiles()
	}()
	// The host and the epoch end the program by themselves at its time. What they
	// cannot end waits for a file, and is given up.
	timer := time.NewTimer(time.Until(in.deadline) + Tick)
	defer timer.Stop()
	over := in.ctx.Done()
	for {
		select {
		case out := <-done:
			return out
		case <-timer.C:
		case <-over:
			over = nil
		}
		if in.host.Abandon() {
			return in.abandoned()
		}
		timer.Reset(Tick)
	}
}
