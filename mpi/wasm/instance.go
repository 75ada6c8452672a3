package wasm

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// instance is one run of a program: of a handler, or of a rank. It belongs to the goroutine that
// runs it.
type instance struct {
	p     *program
	x     exec.Exec
	owner owner
	host  *wasi.Host
	stack int   // bytes
	guard int64 // bytes at address 0 of its memory that must not be touched
	in    *native.Instance
	view  []byte // its memory as far as it has been looked at; it never moves, nor shrinks

	// Of a rank:

	// of the calls of the library under way, each within the one before
	args  [][native.MaxParams]uint64
	depth int
	cause error // why the library ended it: the first such error

	fault string // the host function that panicked
}

// owner is a handler's run, or a group of ranks.
type owner interface {
	// stopped says why it set the stop flag. in is where, as [instance.where] has it, if the
	// instance computed.
	stopped(in string) (mpi.Reason, string)
	// ended is stopped, for an instance that the host ended: it slept, or made its next call.
	ended(why wasi.Why) (mpi.Reason, string)
	// gaveUp is stopped, for an instance that waits for a file or a stream.
	gaveUp() (mpi.Reason, string)
}

var (
	_ native.Host = (*instance)(nil)
	_ exec.Guest  = (*instance)(nil)
)

// wasiID is added to the place of a function of WASI for its ID; that of a function of MPI is its
// place in abi.Functions.
const wasiID = 1 << 16

// system is the functions of WASI, by their IDs less wasiID.
var system = sync.OnceValue(wasi.Functions)

// run makes the instance, runs it to its end, takes the library away from its memory, tells how it
// ended, once, and frees it. To unmap memory takes the kernel longer than a small program runs, and
// nobody needs to wait for that: only an instance in the pool is freed before it tells.
func (in *instance) run(flag *native.StopFlag, tell func(exec.Outcome)) {
	told := false
	// Nothing of the host's touches what is guarded. If it did, that would end the process, and not
	// this instance.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { // for a fault outside of a call
		if p := recover(); p != nil {
			in.crash("the engine", p)
			if !told {
				tell(failed(mpi.Internal, "a fault in the engine: see this node's log"))
			}
		}
	}()
	c := in.p.code
	l := in.p.r.enterPool(c)
	inPool := l != nil
	if !inPool {
		var err error
		if l, err = in.p.r.outside(c); err != nil {
			told = true
			tell(failed(mpi.Internal, err.Error()))
			return
		}
	}
	leavePool := func() {
		if inPool {
			in.p.r.leavePool()
			inPool = false
		}
	}
	defer leavePool()
	limits := native.Limits{Memory: in.x.Memory, Elements: maxTableElements, Tables: maxTables, Guard: in.p.code.info.guard}
	n, err := l.program.New(in, flag, limits)
	if err != nil {
		told = true
		tell(failed(mpi.Internal, err.Error()))
		return
	}
	defer n.Close()
	in.in = n
	in.guard = in.p.code.info.guard
	in.host.Guard(in.guard)
	detach := func() {}
	if in.x.MPI != nil {
		in.args = make([][native.MaxParams]uint64, maxNested)
		detach = sync.OnceFunc(in.x.MPI.Close)
		in.x.MPI.Attach(in)
	}
	defer detach()
	err = n.Start(l.program, native.Exports{
		Table: c.info.table, Safepoint: module.Safepoint, Begin: module.Begin,
	})
	used := int64(len(n.Memory()))
	detach()
	out := in.outcome(err, used)
	if inPool {
		in.view = nil
		n.Close()
		leavePool()
	}
	told = true
	tell(out)
}

// Call implements [native.Host].
func (in *instance) Call(id int, args []uint64) (result uint64, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			in.crash(in.nameOf(id), p)
			ok = false
		}
	}()
	if id >= wasiID {
		var a wasi.Args
		copy(a[:], args)
		f := &system()[id-wasiID]
		e := in.host.Call(f, in.view, &a)
		if e == wasi.EFAULT {
			// It has done nothing. The memory may have grown since it was looked at.
			if before := len(in.view); len(in.Memory()) > before {
				e = in.host.Call(f, in.view, &a)
			}
		}
		return uint64(e), e != wasi.Stop
	}
	if in.depth == maxNested {
		in.end(&exec.ExitError{
			Reason: mpi.Trapped, Detail: "callbacks of MPI functions call each other without end",
		})
		return 0, false
	}
	// The library may keep the slice longer than the arguments are good for, and what is given lies
	// on the thread's stack.
	mine := in.args[in.depth][:copy(in.args[in.depth][:], args)]
	in.depth++
	v, err := in.x.MPI.Call(id, mine)
	in.depth--
	if err != nil {
		in.end(err)
	}
	// A callback may have ended it.
	return v, in.cause == nil && in.fault == "" && in.host.End().Why == wasi.Running
}

// maxNested bounds how deep calls of MPI nest: a callback may call MPI, which may call back.
const maxNested = 64

// end notes why the program has to end, unless it has to already.
func (in *instance) end(err error) {
	if in.cause == nil && in.host.End().Why == wasi.Running {
		in.cause = err
	}
}

func (in *instance) nameOf(id int) string {
	if id >= wasiID {
		return system()[id-wasiID].Name
	}
	return abi.Functions[id].Name
}

func (in *instance) crash(where string, p any) {
	if in.fault == "" {
		in.fault = where
	}
	in.p.r.log.Error("panic in a host function", "function", where, "panic", p, "stack", string(debug.Stack()))
}

// closeFiles closes the program's files. It comes after the outcome: it may wait for them.
func (in *instance) closeFiles() {
	defer func() {
		if p := recover(); p != nil {
			in.crash("close", p)
		}
	}()
	in.host.Close()
}

// Memory implements [exec.Guest].
func (in *instance) Memory() []byte {
	in.view = in.in.Memory()
	return in.view
}

// Guard implements [exec.Guest].
func (in *instance) Guard() int64 { return in.guard }

// Grow implements [exec.Guest].
func (in *instance) Grow(n int64) (addr uint32, got int64, err error) {
	if n <= 0 || n > maxPages*pageSize {
		return 0, 0, fmt.Errorf("wasm: memory cannot grow by %d bytes", n)
	}
	if in.p.code.info.alone {
		return 0, 0, errors.New("wasm: a Go program takes memory that the host adds for its own heap")
	}
	pages := (n + pageSize - 1) / pageSize
	before, ok := in.in.Grow(uint64(pages))
	if !ok {
		used := int64(len(in.in.Memory()))
		return 0, 0, fmt.Errorf("wasm: %s more than the %s in use do not fit its limit of %s: %s",
			size(n), size(used), size(in.x.Memory), moreMemory(used+n, in.x.MPI != nil))
	}
	return uint32(before), pages * pageSize, nil
}

// Invoke implements [exec.Guest].
func (in *instance) Invoke(function uint32, args ...uint64) (uint64, error) {
	v, err := in.in.Invoke(function, args...)
	if err == nil && in.cause == nil && in.fault == "" {
		return v, nil
	}
	end := &exec.ExitError{}
	switch why := native.NoFunction(""); {
	case errors.As(err, &why):
		end.Reason, end.Detail = mpi.Trapped, fmt.Sprintf("MPI calls back function %d: %s", function, string(why))
	default:
		out := exec.Outcome{}
		in.explain(&out, err)
		end.Reason, end.Exit, end.Detail = out.Reason, out.Exit, out.Detail
	}
	in.end(end)
	return 0, end
}
