// Package wasm runs programs in wasmtime. It implements [mpi.Runtime], [mpi.Program] and, for MPI programs, [mpi.Ganger].
//
// A program is compiled once, kept compiled on disk (see cache.go), and instantiated
// afresh for each [mpi.Exec]: a store, one linear memory, the WASI functions of package
// wasi, _start, and all of it is gone. Nothing passes from one instance to the next.
//
// # Two engines
//
// All handlers of a Runtime share one engine, so they share one linker (46 functions defined once,
// none for an instance), one ticker of the epoch and one place to end them. The price is
// that a single instance that computes cannot be interrupted before its time is up: the
// epoch is the engine's. It ends at its next call into the host instead.
//
// All MPI programs share another, whose epoch does not tick: it moves when a job is ended, and then each rank of any job
// looks, in a few nanoseconds, whether it is its own (package native). So a job costs no engine and no copy of the code, and ends at once
// whatever its ranks do.
//
// # Ranks
//
// An MPI program is linked to the functions that it imports when it is compiled, and exports its table of functions then
// (package module). A [mpi.Gang] is the ranks of one job. Each is an instance on a thread of its own that calls into an
// [mpi.Library], which is closed before the memory goes: others may be writing into it.
//
// # Who ends an instance
//
// Code that wasmtime compiles looks at the engine's epoch in every loop and function. A
// goroutine advances it each [Tick] while anything runs, and each store has its own
// deadline in ticks. So a program that computes is stopped by the epoch; one that sleeps, by
// the host's own deadline; and one that waits for its files, which may be a network away,
// is abandoned: Run returns, and the instance is freed when the wait is over.
package wasm
