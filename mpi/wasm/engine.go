package wasm

import (
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/native"
)

// settings is all that compiled code depends on besides the module and the processor.
const settings = native.Version + "\n" + native.Settings + "\n" + module.Safepoints

// Limits of an instance, besides its memory. They bound what it takes of the host's memory outside
// its own: 8 bytes for an element.
const (
	maxTables        = 4
	maxTableElements = 1 << 18
	maxInstance      = 8 << 20 // bytes: see module.InstanceBytes
)

// handlerStack is the stack of a handler, in bytes. It is part of the stack of the thread that runs
// it, and the host's functions need some too: where threads have less than 2 MiB (ulimit -s), it is
// half of it. An overflow of the thread's stack would end the process. The thread is used again and
// keeps what was touched of its stack.
var handlerStack = sync.OnceValue(func() int { return min(1<<20, native.ThreadStack()/2) })

// rankStack is the stack of a rank: as much as its thread can give, for MPI programs were written
// for stacks of 8 MiB. The thread ends with the rank.
func rankStack() int { return max(min(native.ThreadStack()-2<<20, 6<<20), handlerStack()) }

// engineKind says what an engine is for.
type engineKind int

const (
	validating  engineKind = iota // modules as they come, without safepoints
	onDemand                      // compiles; handlers that do not fit the pool
	pooled                        // handlers
	ranks                         // ranks, which live long: their memory is made when they start
	engineKinds                   // how many there are
)

// engine returns an engine, made for the first caller; nil for a pool that is not to be had.
func (r *Runtime) engine(kind engineKind) (*native.Engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.engines[kind] != nil || kind == pooled && r.slots == 0 {
		return r.engines[kind], nil
	}
	cfg := native.Config{Safepoints: kind != validating, Stack: handlerStack()}
	switch kind {
	case ranks:
		cfg.Stack = rankStack()
	case pooled:
		cfg.Pool = r.cfg.pool()
	}
	e, err := native.NewEngine(cfg)
	switch {
	case err == nil:
		r.engines[kind] = e
	case kind == pooled:
		r.slots = 0
		r.log.Warn("instances of handlers are made on demand, which is slower", "err", err)
		err = nil
	default:
		err = fmt.Errorf("wasm: %w", err)
	}
	return e, err
}
