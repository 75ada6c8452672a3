// Package wasm runs programs in wasmtime. It implements [exec.Runtime], [exec.Program] and, for MPI programs, [exec.MPIProgram].
//
// A program is compiled once, kept compiled on disk (see cache.go), and instantiated
// afresh for each [exec.Exec]: a store, one linear memory, the WASI functions of package
// wasi, _start, and all of it is gone. Nothing passes from one instance to the next.
//
// # Two engines
//
// All handlers of a Runtime share one engine, so they share one linker (46 functions defined once,
// none for an instance), one ticker of the epoch and one place to end them. The price is
// that a single instance that computes cannot be interrupted before its time is up: the
// epoch is the engine's. It ends at its next call into the host instead.
//
// All MPI programs share another, without an epoch. Their code gets safepoints before it is compiled (module.AddSafepoints): there, in every loop
// above all, it looks at a word of its instance's own, and traps once it is set. So a job costs no engine and no copy of the code, ends soon
// whatever its ranks do, and a loop costs three instructions more, but no register. The word is in a memory of its own, so an instance has
// twice the addresses reserved that one memory takes.
//
// # Ranks
//
// An MPI program is linked to the functions that it imports when it is compiled, and exports its table of functions then
// (package module). A [exec.RankGroup] is the ranks of one job. Each is an instance on a thread of its own that calls into an
// [exec.Library], which is closed before the memory goes: others may be writing into it.
//
// # Who ends an instance
//
// The code of a handler looks at the engine's epoch in every loop and function. A
// goroutine advances it each [Tick] while anything runs, and each store has its own
// deadline in ticks. So a program that computes is stopped by the epoch; one that sleeps, by
// the host's own deadline; and one that waits for its files, which may be a network away,
// is abandoned: Run returns, and the instance is freed when the wait is over. A rank ends with its rankGroup.
package wasm
