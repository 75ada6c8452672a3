// Package exec is what runs a program and what a running program calls: the ports between nodes,
// the engine and MPI.
//
// A [Runtime] compiles a [Program]. A handler runs once for each message by [Program.Run]. An
// [MPIProgram] makes a [RankGroup], which runs the ranks of one job on this node. A rank calls MPI
// by its [Library], which reaches the rank's memory by [Guest].
//
// Package wasm implements Runtime, Program, RankGroup and Guest over wasmtime; package process
// implements Library.
package exec
