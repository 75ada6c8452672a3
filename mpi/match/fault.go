package match

import (
	"runtime/debug"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// A panic in this package ends the job and not the daemon. Callers of an [Endpoint] recover from
// panics themselves; those of the world's goroutines and of [World.Receive] are recovered here.

// mailboxLock is the mailbox that one call has locked, if any. It is the call's own.
type mailboxLock struct{ e *Endpoint }

func (l *mailboxLock) lock(e *Endpoint) {
	e.mu.Lock()
	l.e = e
}

func (l *mailboxLock) unlock() {
	e := l.e
	l.e = nil
	e.mu.Unlock()
}

// rescue is deferred by whoever locks a mailbox. If a panic left the mailbox locked, its state is
// unknown: rescue empties, closes and unlocks it, so that nobody waits for it for ever. Whoever
// recovers from the panic ends the job.
func (l *mailboxLock) rescue() {
	e := l.e
	if e == nil {
		return
	}
	e.closed.Store(true)
	e.wipe()
	l.unlock()
}

// guarded is f, with a fault that costs the job.
func (w *World) guarded(f func()) func() {
	return func() {
		defer func() {
			if v := recover(); v != nil {
				w.fault(v)
			}
		}()
		f()
	}
}

// fault ends the job after a panic, which is being recovered from. Who is told of it comes before
// the ranks, none of which is to blame.
func (w *World) fault(v any) {
	if w.cfg.Fault != nil {
		w.cfg.Fault(v, debug.Stack())
	}
	w.Abort(errFault)
}

// errFault says no more than peers need.
var errFault = &exec.ExitError{Reason: mpi.Internal, Exit: 1, Detail: "a fault of the node: see its log"}
