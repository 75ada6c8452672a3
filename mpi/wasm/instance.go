package wasm

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// Limits of a store, besides its memory. They bound what an instance takes of the host's
// memory outside its own: 8 bytes for an element.
const (
	maxTables        = 4
	maxTableElements = 1 << 18
)

// instance is one run of a program. It belongs to the goroutine that runs it.
type instance struct {
	p        *program
	x        exec.Exec
	host     *wasi.Host
	ctx      context.Context
	cancel   context.CancelFunc // also called by Runtime.Close
	start    time.Time
	deadline time.Time

	mem    *wasmtime.Memory // its exported memory, once it is known
	view   []byte           // mem as far as it has been looked at: see grown
	result [1]wasmtime.Val  // of a call; read before the next one
	fault  string           // the host function that panicked
}

func newInstance(ctx context.Context, p *program, x exec.Exec, start time.Time) *instance {
	in := &instance{p: p, x: x, start: start, deadline: start.Add(x.Timeout)}
	in.ctx, in.cancel = context.WithCancel(ctx)
	in.host = wasi.New(in.ctx, wasi.Config{
		Args: x.Args, Env: x.Env, Stdin: x.Stdin, Files: x.Files,
		Output: x.Output, Stderr: x.Stderr, Deadline: in.deadline,
	})
	return in
}

func (in *instance) leave() {
	in.cancel()
	in.p.r.leave(in.p, in)
}

// run makes the instance, runs it to its end, tells how it ended, once, and then frees it: to unmap its memory takes the
// kernel longer than a small program runs, and nobody needs to wait for that.
func (in *instance) run(tell func(exec.Outcome)) {
	told := false
	defer func() { // for a panic of wasmtime-go itself; those of host functions end in call
		if p := recover(); p != nil {
			in.crash("the engine", p)
			if !told {
				tell(failed(mpi.Internal, "a fault in the engine: see this node's log"))
			}
		}
	}()
	c := in.p.code
	store := wasmtime.NewStoreWithData(c.eng.Engine, in)
	defer store.Close()
	store.Limiter(in.x.Memory, maxTableElements, 1, maxTables, 1)
	store.SetEpochDeadline(ticks(time.Until(in.deadline)))

	inst, err := c.eng.linker.Instantiate(store, c.module)
	if err == nil {
		_, err = inst.GetFunc(store, "_start").Call(store)
	}
	var used int64
	if inst != nil {
		used = in.used(store, inst)
	}
	out := in.outcome(err, used)
	told = true
	tell(out)
}

// used is the size of the program's memory, in bytes.
func (in *instance) used(store *wasmtime.Store, inst *wasmtime.Instance) int64 {
	if in.mem == nil {
		if ext := inst.GetExport(store, "memory"); ext != nil {
			in.mem = ext.Memory()
			ext.Close()
		}
	}
	if in.mem == nil {
		return 0
	}
	return int64(in.mem.DataSize(store))
}

// call is a host function's way from wasmtime to package wasi and back.
func (in *instance) call(c *wasmtime.Caller, f *wasi.Func, params []wasmtime.Val) (_ []wasmtime.Val, trap *wasmtime.Trap) {
	defer func() {
		if p := recover(); p != nil {
			in.crash(f.Name, p)
			trap = wasmtime.NewTrap("a fault of the host")
		}
	}()
	var a wasi.Args
	for i, kind := range []byte(f.Params) {
		if kind == 'i' {
			a[i] = uint64(uint32(params[i].I32()))
		} else {
			a[i] = uint64(params[i].I64())
		}
	}
	e := in.host.Call(f, in.view, &a)
	if e == wasi.EFAULT && in.grown(c) {
		e = in.host.Call(f, in.view, &a)
	}
	switch {
	case e == wasi.Stop:
		return nil, wasmtime.NewTrap("ended by the host")
	case !f.Errno:
		return nil, nil
	}
	in.result[0] = wasmtime.ValI32(int32(e))
	return in.result[:], nil
}

// grown looks at the program's memory anew, and reports whether there is more of it than
// at the last look. To ask wasmtime costs as much as a whole call of the host, so it is done only
// when a call finds its memory too small; such a call can be repeated. Memory never
// shrinks, and when it grows it stays where it is (4 GiB are reserved for it), or else what is
// left of view would be no memory at all.
func (in *instance) grown(c *wasmtime.Caller) bool {
	if in.mem == nil {
		ext := c.GetExport("memory")
		if ext == nil {
			return false
		}
		in.mem = ext.Memory()
		ext.Close()
		if in.mem == nil {
			return false
		}
	}
	before := len(in.view)
	in.view = in.mem.UnsafeData(c)
	return len(in.view) > before
}

func (in *instance) crash(where string, p any) {
	in.fault = where
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
