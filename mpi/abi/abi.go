// Package abi is the MPI-5.0 standard C ABI (MPI 5.0, chapter 20) as a WebAssembly program sees it:
// the values of handles and constants, and the functions with their types. The tables are generated
// from the data of the standard.
//
// A program imports MPI_* and PMPI_* from module "env". Pointers and MPI_Aint are 32 bits,
// MPI_Count and MPI_Offset 64.
package abi

import (
	"slices"
	"strings"
)

//go:generate go run ./gen

// Module is the module that programs import MPI from: clang uses it for undefined symbols.
const Module = "env"

// Function is one function of MPI.
type Function struct {
	// Name begins with MPI_, or with MPIX_ if the standard does not have the function. A program
	// may import it with a P before that too.
	Name string
	// Params has a letter for each parameter. These are i32 in WebAssembly: i an int, h a handle, p
	// a pointer, f a function (index into the table), a an MPI_Aint. These are not: c an MPI_Count
	// or MPI_Offset, i64; d a double, f64.
	Params string
	Result byte // i, a, h or d
	Family string
	// Lacks says why the host does not provide the function; empty if it does. A program may import
	// it all the same: each call returns an error.
	Lacks string
}

// Reasons of [Function.Lacks].
const (
	lacksRMA       = "one-sided communication is not provided: use sends and receives"
	lacksIO        = "MPI-IO is not provided: gather on one rank and use stdio"
	lacksSessions  = "sessions are not provided: use MPI_Init and MPI_COMM_WORLD"
	lacksTools     = "the tool information interface is not provided"
	lacksProcesses = "a job has the processes it was started with: no others can be connected"
)

// Large reports whether this is the variant of a function with counts of type MPI_Count.
func (f *Function) Large() bool { return strings.HasSuffix(f.Name, "_c") }

// Lookup returns the index in [Functions] of the function that is imported under a name, with a P
// before it or without.
func Lookup(name string) (index int, ok bool) {
	name = strings.TrimPrefix(name, "P")
	from, list := 0, Functions[:Standard]
	if strings.HasPrefix(name, "MPIX_") {
		from, list = Standard, Functions[Standard:]
	}
	index, ok = slices.BinarySearchFunc(list, name, func(f Function, name string) int {
		return strings.Compare(f.Name, name)
	})
	return from + index, ok
}

// Layout of MPI_Status in memory: eight ints. The last five are ours: the count of bytes received,
// and whether the request was cancelled.
const (
	StatusSize      = 32
	StatusSource    = 0
	StatusTag       = 4
	StatusError     = 8
	StatusBytes     = 12 // int64, not aligned
	StatusCancelled = 20 // int
)

// Error classes of User-Level Failure Mitigation, with the values that Open MPI gives them. The
// standard ABI has no class between its last one and 1000, where those of tools begin.
const (
	ErrProcFailed        = 75 // MPIX_ERR_PROC_FAILED
	ErrProcFailedPending = 76 // MPIX_ERR_PROC_FAILED_PENDING
	ErrRevoked           = 77 // MPIX_ERR_REVOKED
)

// The markers of MPI 1 for the bounds of structures, which MPI 3.0 removed. The standard ABI gives
// them no values; these are of a range that it leaves to nothing else.
const (
	Lb = 0x000002fe // MPI_LB
	Ub = 0x000002ff // MPI_UB
)
