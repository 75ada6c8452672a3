package wasm

import (
	"sync"

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

func failed(why mpi.Reason, detail string) exec.Outcome {
	return exec.Outcome{Reason: why, Detail: detail}
}
