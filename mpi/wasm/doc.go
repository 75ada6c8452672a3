// Package wasm runs programs in wasmtime. It implements [exec.Runtime], [exec.Program] and, for MPI
// programs, [exec.MPIProgram].
//
// A program is compiled once, kept compiled on disk (see cache.go), and instantiated afresh for
// each [exec.Exec]: a store, one linear memory, the WASI functions of package wasi, _start, and all
// of it is gone. Nothing passes from one instance to the next.
//
// # One path
//
// Handlers and ranks run the same way: through package native, with the same code, limits and
// outcomes (instance.go, outcome.go). What differs is who ends them: a handler has a deadline
// (handler.go), the ranks of a job end together (rankgroup.go, rank.go). A rank also calls into an
// [exec.Library], which is closed before the memory goes: others may be writing into it.
//
// # How an instance ends
//
// Code gets safepoints before it is compiled (module.AddSafepoints): there, in every loop above
// all, it looks at a word of its instance's own, and traps once the word is set. A native.StopFlag
// sets it. A program that calls the host is refused its next call. One that sleeps is ended by the
// host, by the same context that sets the flag. One that waits for a file or a stream, which may be
// a network away, is given up: Run returns, and the instance is freed when the wait is over.
//
// The word is in a memory of its own, which doubles the address space that an instance reserves.
//
// # Engines
//
// A Runtime has up to four engines, each made when it is first needed, and one kind of compiled
// code:
//
//	validating   takes modules as they come, without safepoints; compiles nothing
//	on demand    compiles; runs handlers that do not fit the pool
//	pooled       runs handlers
//	ranks        compiles and runs MPI programs, with a larger stack
//
// An instance on demand maps its memory when it starts and unmaps it at its end, for which the
// kernel takes some hundred microseconds. The pool has places for as many handlers as the node runs
// at once. It clears what an instance has used and keeps it mapped: see native.Pool. Handlers that
// come when the pool is full, and programs that do not fit it (more tables, or an instance of more
// than 1 MiB besides its memory), run on demand. Ranks do too: they live long, and their memory is
// large.
package wasm
