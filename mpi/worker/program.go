package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// program is a caller's hold on code.
type program struct {
	r    *Runtime
	code *code

	running sync.WaitGroup // messages and groups; raised under Runtime.mu while closed is false
	closed  bool           // guarded by Runtime.mu
}

// rankProgram is a hold on an MPI program.
type rankProgram struct{ *program }

var _ exec.RankProgram = (*rankProgram)(nil)

// hold makes a program of a reference to code.
func (r *Runtime) hold(c *code) exec.Program {
	p := &program{r: r, code: c}
	if c.entry.MPI() {
		return &rankProgram{p}
	}
	return p
}

// MPI implements [exec.Program].
func (p *program) MPI() bool { return p.code.entry.MPI() }

// Close implements [exec.Program]: it waits for the last message or group.
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

// enter counts in a message or a group, if both the program and the runtime are open.
func (p *program) enter() bool {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if p.r.closed || p.closed {
		return false
	}
	p.running.Add(1)
	return true
}

// release drops a reference. With the last one the worker of its messages ends.
func (r *Runtime) release(c *code) {
	r.mu.Lock()
	c.refs--
	last := c.refs == 0 && r.codes[c.id] == c
	if last {
		delete(r.codes, c.id)
	}
	r.mu.Unlock()
	if last {
		c.handlers.close()
		c.entry.Close()
	}
}

func failed(why mpi.Reason, detail string) exec.Outcome {
	return exec.Outcome{Reason: why, Detail: detail}
}

// Run implements [exec.Program].
func (p *program) Run(ctx context.Context, x exec.Exec) exec.Outcome {
	start := time.Now()
	out := p.run(ctx, x)
	out.Elapsed = cmp.Or(out.Elapsed, time.Since(start))
	return out
}

// maxTries is how many workers a message is offered to, of which each may end just before it.
const maxTries = 8

func (p *program) run(ctx context.Context, x exec.Exec) exec.Outcome {
	if p.MPI() {
		return failed(mpi.Internal, "it is an MPI program: those are run as jobs (ipfs-mpi run), not on messages")
	}
	if x.Timeout <= 0 || x.Memory <= 0 || x.Output < 0 {
		return failed(mpi.Internal, fmt.Sprintf("worker: an instance needs limits: Timeout is %s, Memory %d, Output %d",
			x.Timeout, x.Memory, x.Output))
	}
	x.Timeout = min(x.Timeout, mpi.MaxJobTime)
	if d, ok := ctx.Deadline(); ok {
		x.Timeout = min(x.Timeout, time.Until(d))
	}
	switch {
	case ctx.Err() == context.Canceled:
		return failed(mpi.Cancelled, "cancelled before it started")
	case x.Timeout <= 0:
		return failed(mpi.TimedOut, "its time was up before it started")
	case !p.enter():
		return failed(mpi.Internal, ErrClosed.Error())
	}
	defer p.running.Done()
	for range maxTries {
		h, err := p.code.handlers.get(ctx, p, &x)
		if err != nil {
			return p.code.handlers.blame(p.notStarted(ctx, err))
		}
		out, ok := h.do(ctx, x)
		if ok {
			return p.code.handlers.blame(out)
		}
		p.code.handlers.owe(out.Crash) // the next one tells it
	}
	return failed(mpi.Internal, "its worker ended each time before it could start")
}

// notStarted is the outcome of a message for which there is no worker.
func (p *program) notStarted(ctx context.Context, err error) exec.Outcome {
	switch ctx.Err() {
	case context.DeadlineExceeded:
		return failed(mpi.TimedOut, "its time was up before its worker had started")
	case context.Canceled:
		return failed(mpi.Cancelled, "cancelled before it started")
	}
	return p.r.lost(err)
}

// lost is the outcome of what was in a worker, or would have been, that ended so, without Crash.
func (r *Runtime) lost(err error) exec.Outcome {
	if r.ctx.Err() != nil {
		return failed(mpi.Cancelled, errStopping.Error())
	}
	out := failed(mpi.Internal, err.Error())
	var end *End
	if errors.As(err, &end) && end.OutOfMemory {
		out.Reason = mpi.OutOfMemory
	}
	return out
}

// crashOf is the crash that an error of place tells of, nil for none.
func crashOf(err error) *exec.Crash {
	var end *End
	if !errors.As(err, &end) {
		return nil
	}
	return end.crash()
}

// reason checks that a worker's reason is one that [exec.Outcome] may have.
func reason(s string, rank bool) (mpi.Reason, error) {
	r := mpi.Reason(s)
	switch r {
	case "", mpi.Trapped, mpi.Exited, mpi.TimedOut, mpi.OutOfMemory, mpi.OutputLimit, mpi.Cancelled, mpi.Internal:
		return r, nil
	case mpi.Aborted:
		if rank {
			return r, nil
		}
	}
	return "", fmt.Errorf("the reason %q", s)
}
