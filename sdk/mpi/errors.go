package mpi

import (
	"strings"
	"unsafe"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi/raw"
)

// Error is the error of an MPI function.
type Error struct {
	Func  string // name of the function, without MPI_, but with MPIX_
	Class int    // MPI_ERR_…, as in mpi.h
	Text  string
}

// Classes of errors that a program may want to tell apart (MPI 5.0, 9.4).
const (
	ErrCount    = 2
	ErrTag      = 4
	ErrComm     = 5
	ErrRank     = 6
	ErrArg      = 13
	ErrTruncate = 15 // the message is longer than the slice

	ErrProcFailed = 75 // a rank that the operation needs has failed
	// a receive from AnySource waits until a failure is acknowledged, and may be waited for again
	ErrProcFailedPending = 76
	ErrRevoked           = 77 // the communicator was revoked
)

func (e *Error) Error() string {
	if strings.HasPrefix(e.Func, "MPIX_") {
		return e.Func + ": " + e.Text
	}
	return "MPI_" + e.Func + ": " + e.Text
}

// check converts an error code to an error.
func check(name string, code int32) error {
	if code == 0 {
		return nil
	}
	var class, n int32
	var text [512]byte
	raw.Error_class(code, unsafe.Pointer(&class))
	raw.Error_string(code, unsafe.Pointer(&text), unsafe.Pointer(&n))
	return &Error{name, int(class), string(text[:n])}
}

// invalid is the error for arguments that are rejected without calling MPI.
func invalid(name, text string) error { return &Error{name, ErrArg, text} }
