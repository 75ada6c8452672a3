// Package exec is what runs a program and what a running program calls: the ports between nodes,
// jobs, the engine and MPI.
//
// A [Runtime] compiles a [Program]. A handler runs once for each message, by [Program.Run].
//
// For jobs, a program is a [RankProgram]: it makes a [RankGroup], which runs the ranks that a job
// has on this node and tells a [RankOwner] what they do. Package ranks implements it in this
// process, package worker in another one.
//
// The engine knows less: to it, a program that imports MPI functions is an [MPIProgram], which runs
// [Instances]. Each calls MPI by its [Library], which reaches the memory of its [Guest]. Package
// wasm implements Runtime, Program, MPIProgram, Instances and Guest over wasmtime; package process
// implements Library.
package exec
