package wasm

import (
	"context"
	"fmt"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// maxTimeout bounds what a handler may ask for.
const maxTimeout = 24 * time.Hour

// handler is one run of a handler.
type handler struct {
	instance
	ctx    context.Context // ends at the deadline, and with the caller's
	cancel context.CancelFunc
	flag   native.StopFlag // set when ctx ends
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
		return failed(mpi.Internal, fmt.Sprintf("wasm: an instance needs limits: Timeout is %s, Memory %d, Output %d",
			x.Timeout, x.Memory, x.Output))
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
		return tooSmall(p.code.info.memory, x.Memory, false)
	}
	x.MPI, x.Streams, x.Scratch = nil, nil, nil
	h := &handler{instance: instance{p: p, x: x, stack: handlerStack()}}
	h.owner = h
	deadline := start.Add(x.Timeout)
	h.ctx, h.cancel = context.WithDeadline(ctx, deadline)
	h.host = wasi.New(h.ctx, wasi.Config{
		Args: x.Args, Env: x.Env, Stdin: x.Stdin, Files: x.Files,
		Output: x.Output, Stderr: x.Stderr, Deadline: deadline,
	})
	if !p.r.enter(h) {
		h.cancel()
		return failed(mpi.Internal, errClosed.Error())
	}
	if x.Files == nil { // nothing that it waits for but the clock
		var out exec.Outcome
		h.runToEnd(func(o exec.Outcome) { out = o })
		return out
	}
	done := make(chan exec.Outcome, 1)
	// joined by leave: program.Close and Runtime.Close wait
	go h.runToEnd(func(o exec.Outcome) { done <- o })
	return h.await(h.ctx, done)
}

func (h *handler) runToEnd(tell func(exec.Outcome)) {
	defer h.p.r.leave(h)
	defer h.cancel()
	// The instance may be gone when the flag is set: the flag knows.
	unwatch := context.AfterFunc(h.ctx, h.flag.Set)
	defer unwatch()
	h.run(&h.flag, tell)
	h.closeFiles()
}

// Tick is how often an instance that had to end is looked at, to be given up once it waits for a
// file.
const Tick = 10 * time.Millisecond

// await returns the outcome of an instance that runs in another goroutine, which ends when ctx
// does. What computes, sleeps or is in the library ends then. What waits for a file or a stream may
// not, and is given up.
func (in *instance) await(ctx context.Context, done <-chan exec.Outcome) exec.Outcome {
	select {
	case out := <-done:
		return out
	case <-ctx.Done():
	}
	again := time.NewTicker(Tick)
	defer again.Stop()
	for {
		if in.host.Abandon() {
			return in.abandoned()
		}
		select {
		case out := <-done:
			return out
		case <-again.C:
		}
	}
}

// stopped implements [owner].
func (h *handler) stopped(in string) (mpi.Reason, string) {
	if h.ctx.Err() == context.DeadlineExceeded {
		return mpi.TimedOut, h.timedOut("running" + in)
	}
	return mpi.Cancelled, h.whyCancelled()
}

// ended implements [owner].
func (h *handler) ended(why wasi.Why) (mpi.Reason, string) {
	if why == wasi.TimedOut {
		return mpi.TimedOut, h.timedOut("sleeping")
	}
	return mpi.Cancelled, h.whyCancelled()
}

// gaveUp implements [owner].
func (h *handler) gaveUp() (mpi.Reason, string) {
	if h.ctx.Err() == context.DeadlineExceeded {
		return mpi.TimedOut, h.timedOut("waiting for a file")
	}
	return mpi.Cancelled, h.whyCancelled()
}

func (h *handler) timedOut(doing string) string {
	return fmt.Sprintf("still %s after its limit of %s", doing, h.x.Timeout.Round(time.Millisecond))
}

func (h *handler) whyCancelled() string {
	h.p.r.mu.Lock()
	defer h.p.r.mu.Unlock()
	if h.p.r.closed {
		return "this node is stopping"
	}
	return "cancelled while it ran"
}
