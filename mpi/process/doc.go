// Package process is MPI as one rank of a job sees it: every function of package abi, on the memory
// of the rank's guest. It implements [exec.Library].
//
// # How it is put together
//
//   - [Process] is one rank: its handles, its communicators, its state. All of it belongs to the
//     goroutine that runs the guest, so there are no locks. What runs concurrently is in package
//     match, which moves messages, and package coll, which runs collective operations on top of it.
//   - A call (call.go) is one function called by the guest: its parameters, decoded and checked by
//     methods of call, and its memory (memory.go). The guest is not trusted: handles are looked up,
//     and counts and pointers are checked, before anything is accessed or allocated.
//   - A function returns an error, made by [errorf] with an error class of MPI. errors.go passes it
//     to the error handler that the standard prescribes, which makes it the function's result or
//     ends the job (MPI 5.0, 9.3).
//   - The functions are grouped by family, as in the standard: one file or a few for each, ending
//     in a table of the family's functions. table.go joins the tables; a test checks that no
//     function of package abi is missing.
package process
