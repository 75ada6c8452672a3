package wasm

import (
	"context"
	"errors"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

var _ exec.MPIProgram = (*mpiProgram)(nil)

// mpiProgram is a program that imports MPI functions.
type mpiProgram struct{ *program }

var errStopping = errors.New("this node is stopping")

// rankGroup is ranks that live and die together.
type rankGroup struct {
	p      *program
	ctx    context.Context
	cancel context.CancelCauseFunc // also called by Runtime.Close
	flag   native.StopFlag
	watch  sync.WaitGroup // the goroutine of stop
	once   sync.Once      // of Close

	closed bool // guarded by Runtime.mu
	// ranks, and those abandoned; raised under Runtime.mu while closed is false
	running sync.WaitGroup
}

// Instances implements [exec.MPIProgram].
func (p *mpiProgram) Instances(ctx context.Context) (exec.Instances, error) {
	r := p.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || p.closed {
		return nil, errClosed
	}
	g := &rankGroup{p: p.program}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	r.groups[g] = struct{}{}
	p.running.Add(1) // until Close
	g.watch.Add(1)
	go g.stop()
	return g, nil
}

// stop ends the ranks when the rankGroup's context does.
func (g *rankGroup) stop() {
	defer g.watch.Done()
	<-g.ctx.Done()
	g.flag.Set()
}

// Close implements [exec.Instances].
func (g *rankGroup) Close() error {
	g.once.Do(g.close)
	return nil
}

func (g *rankGroup) close() {
	r := g.p.r
	r.mu.Lock()
	g.closed = true
	r.mu.Unlock()
	g.running.Wait()
	g.cancel(context.Canceled)
	g.watch.Wait()
	r.mu.Lock()
	delete(r.groups, g)
	r.mu.Unlock()
	g.p.running.Done()
}

// enter counts a rank in, if the rankGroup is open. leave counts it out.
func (g *rankGroup) enter() bool {
	r := g.p.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || g.closed {
		return false
	}
	g.running.Add(1)
	r.running.Add(1)
	return true
}

func (g *rankGroup) leave() {
	g.running.Done()
	g.p.r.running.Done()
}

// why is what ended the rankGroup, for people.
func (g *rankGroup) why() string {
	switch err := context.Cause(g.ctx); {
	case err == nil, err == context.Canceled:
		return "the job was ended"
	case err == context.DeadlineExceeded:
		return "the job's time is up"
	default:
		return err.Error()
	}
}
