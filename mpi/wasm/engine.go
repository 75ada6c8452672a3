package wasm

import (
	"errors"
	"fmt"

	"github.com/bytecodealliance/wasmtime-go/v44"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/wasi"
)

// engineConfig names what newEngine sets, for the cache: change it with newEngine, or code
// compiled under other settings is found there (wasmtime would refuse most of it, not all).
const engineConfig = module.Safepoints + " epoch simd bulk multivalue reftypes tailcall relaxed-deterministic fixed-memory speed"

// maxWasmStack is the stack of one program, in bytes. It is part of the stack of the thread
// that runs it, of which glibc gives at least 2 MiB, and the host's functions need some too.
const maxWasmStack = 1 << 20

// rankStack is the stack of an MPI program: as much as its thread can give, for they were written for stacks of 8 MiB.
func rankStack() int { return max(min(native.ThreadStack()-2<<20, 6<<20), maxWasmStack) }

// engine is wasmtime's, with the host's functions ready to link for handlers.
type engine struct {
	*wasmtime.Engine
	stack  int              // bytes that a program has
	linker *wasmtime.Linker // nil for an engine of MPI programs
}

// newConfig configures the engine of handlers, which look at its epoch, or that of MPI programs, which have safepoints. The stack is no part
// of what their code is made of.
func newConfig(stack int, mpi bool) (*wasmtime.Config, error) {
	cfg := wasmtime.NewConfig()
	cfg.SetEpochInterruption(!mpi)
	cfg.SetMemoryInitCOWSet(true)
	cfg.SetCraneliftOptLevel(wasmtime.OptLevelSpeed)

	// What compilers emit for wasm32-wasip1.
	cfg.SetWasmBulkMemory(true)
	cfg.SetWasmMultiValue(true)
	cfg.SetWasmReferenceTypes(true)
	cfg.SetWasmTailCall(true)
	cfg.SetWasmSIMD(true)
	cfg.SetWasmRelaxedSIMD(true)
	cfg.SetWasmRelaxedSIMDDeterministic(true) // the same answer from peers with different processors

	// What would give a program more than one thread, one memory of 32 bits and tables of
	// functions. Exceptions and externref need wasmtime's garbage collector, whose heap is
	// outside the limits of a store. Safepoints load atomically from a second memory: an MPI
	// program is validated by the engine of handlers, before it gets them.
	cfg.SetWasmThreads(mpi)
	cfg.SetWasmMultiMemory(mpi)
	cfg.SetWasmMemory64(false)
	cfg.SetWasmGC(false)
	cfg.SetWasmFunctionReferences(false)
	cfg.SetGCSupport(false)

	// NaNs are not canonicalised: it costs float code up to a tenth of its speed, and the
	// answers of different peers are not compared bit by bit.
	cfg.SetCraneliftNanCanonicalization(false)

	// What was once a part of a memory stays that.
	return cfg, errors.Join(native.FixMemory(cfg), native.SetStack(cfg, stack))
}

// newEngine makes the engine of handlers, or that of MPI programs.
func newEngine(mpi bool) (*engine, error) {
	stack := maxWasmStack
	if mpi {
		stack = rankStack()
	}
	cfg, err := newConfig(stack, mpi)
	if err != nil {
		return nil, err
	}
	e := &engine{Engine: wasmtime.NewEngineWithConfig(cfg), stack: stack}
	if mpi {
		return e, nil
	}
	e.linker = wasmtime.NewLinker(e.Engine)
	list := wasi.Functions()
	for i := range list {
		f := &list[i]
		if err := e.linker.FuncNew(wasi.Module, f.Name, funcType(f), hostFunc(f)); err != nil {
			e.close()
			return nil, fmt.Errorf("wasm: define %s: %w", f.Name, err)
		}
	}
	return e, nil
}

func (e *engine) close() {
	if e.linker != nil {
		e.linker.Close()
	}
	e.Engine.Close()
}

func funcType(f *wasi.Func) *wasmtime.FuncType {
	var params, results []*wasmtime.ValType
	for _, c := range f.Params {
		kind := wasmtime.KindI32
		if c == 'I' {
			kind = wasmtime.KindI64
		}
		params = append(params, wasmtime.NewValType(kind))
	}
	if f.Errno {
		results = append(results, wasmtime.NewValType(wasmtime.KindI32))
	}
	return wasmtime.NewFuncType(params, results)
}

// hostFunc bridges f: the instance that calls is the data of the calling store.
func hostFunc(f *wasi.Func) func(*wasmtime.Caller, []wasmtime.Val) ([]wasmtime.Val, *wasmtime.Trap) {
	return func(c *wasmtime.Caller, params []wasmtime.Val) ([]wasmtime.Val, *wasmtime.Trap) {
		return c.Data().(*instance).call(c, f, params)
	}
}
