// Package process is MPI as one rank of a job sees it: every function of package abi, on the memory of the rank's guest.
// It implements [exec.Library].
//
// # How it is put together
//
//   - [Process] is one rank: its handles, its communicators, its state. All of it belongs to the goroutine that runs the
//     guest; nothing here is locked. What runs beside it is in package match, which moves messages, and package coll, which
//     runs collective operations on it.
//   - A call (call.go) is one function called by the guest: its parameters, decoded and checked by methods of call, and
//     its memory (memory.go). Whatever the guest says is a claim: handles are looked up, counts and pointers checked
//     before anything is touched or allocated.
//   - A function returns an error, made by [errorf] with an error class of MPI; errors.go gives it to the error handler
//     that the standard says, which makes it the function's result or the end of the job (MPI 5.0, 9.3).
//   - The functions are by family, as in the standard: one file or a few for each, ending in a table of the family's
//     functions. table.go joins the tables; a test checks that no function of package abi is missing.
package process
