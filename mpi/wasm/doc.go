// Package wasm runs programs in wasmtime. It implements [mpi.Runtime] and [mpi.Program].
//
// A program is compiled once, kept compiled on disk (see cache.go), and instantiated
// afresh for each [mpi.Exec]: a store, one linear memory, the WASI functions of package
// wasi, _start, and all of it is gone. Nothing passes from one instance to the next.
//
// # One engine
//
// All programs of a Runtime share one engine, so they share one linker (46 functions defined once,
// none for an instance), one ticker of the epoch and one place to end them. The price is
// that a single instance that computes cannot be interrupted before its time is up: the
// epoch is the engine's. It ends at its next call into the host instead. A job of an MPI
// program, whose ranks live and die together, will have an engine of its own.
//
// # Who ends an instance
//
// Code that wasmtime compiles looks at the engine's epoch in every loop and function. A
// goroutine advances it each [Tick] while anything runs, and each store has its own
// deadline in ticks. So a program that computes is stopped by the epoch; one that sleeps, by
// the host's own deadline; and one that waits for its files, which may be a network away,
// is abandoned: Run returns, and the instance is freed when the wait is over.
package wasm
