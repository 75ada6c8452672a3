package mpi

import "fmt"

// Code classes an [Error]; package http maps each to one HTTP status.
type Code string

// The codes.
const (
	CodeInvalid   Code = "invalid"     // the request breaks a rule of the API
	CodeNotFound  Code = "not-found"   // nothing of that name is known anywhere
	CodeAmbiguous Code = "ambiguous"   // one name, several programs: only a CID will do
	CodeTooLarge  Code = "too-large"   // over a size limit
	CodeBusy      Code = "busy"        // no room for the request now
	CodeStopping  Code = "stopping"    // the node is shutting down
	CodeTimeout   Code = "timed-out"   // the request's time is up
	CodeFailed    Code = "failed"      // what the request expects cannot come any more
	CodeCancelled Code = "cancelled"   // the client hung up
	CodeInternal  Code = "internal"    // a fault of this node
	CodeUnready   Code = "unavailable" // something this node needs is not there yet
)

// Error is an error of the API: it says what was tried, on what, and what to do.
type Error struct {
	Code Code
	Msg  string
	Near []string // with CodeNotFound: names like the one asked for
}

func (e *Error) Error() string { return e.Msg }

// Errorf makes an [Error] of the given class.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}
