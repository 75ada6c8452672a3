package mpi

import (
	"fmt"
	"strings"
)

// Reason says why a message failed, in a word that programs can compare.
type Reason string

// The reasons. The list is append-only: they travel between nodes of different
// versions, and one that a node does not know is shown as it came.
const (
	// the message was not handled: there was no way to the peer, or it stopped before that
	Unreachable Reason = "unreachable"
	// the peer may have taken the message, and was gone before it was done
	Lost      Reason = "lost"
	Refused   Reason = "refused"    // the peer's policy does not admit us
	NotServed Reason = "not-served" // the peer does not serve the interpreter
	Busy      Reason = "busy"       // the peer's queue is full
	TooLarge  Reason = "too-large"  // over the peer's MaxMessage
	// an instance over its wall-clock limit, or a request out of time
	TimedOut    Reason = "timed-out"
	Trapped     Reason = "trapped"       // the program broke a rule of WebAssembly
	Exited      Reason = "exited"        // the program ended with a code other than 0
	OutOfMemory Reason = "out-of-memory" // the program failed at its memory limit
	OutputLimit Reason = "output-limit"  // the program wrote more than its limit
	BadOutput   Reason = "bad-output"    // the program's output is not the messages it should be
	Cancelled   Reason = "cancelled"     // the origin hung up
	Gone        Reason = "gone"          // the request is over: an answer came too late
	Internal    Reason = "internal"      // a fault of the node itself
	Aborted     Reason = "aborted"       // a rank called MPI_Abort, or broke a rule of MPI
	NoSlots     Reason = "no-slots"      // the peer has no room for ranks
	NoAnswer    Reason = "no-answer"     // was handled, and the peer that did sent no answer
	Deadlock    Reason = "deadlock"      // all ranks of the job wait for each other
	// the node is stopping: what it had has ended, or never began
	Stopping Reason = "stopping"
	// the disk of the job's origin, or the quota there, has no room for what its ranks wrote
	DiskFull Reason = "disk-full"
	// the peer, or this node, speaks no version of the protocol that the other does
	OtherVersion Reason = "other-version"
)

// Failure is one message that was not delivered, or was delivered and failed.
type Failure struct {
	// Index is the message's place in the request, from 0; -1 for a message that an
	// interpreter sent.
	Index    int    `json:"index"`
	Pid      int64  `json:"Pid"`
	From     PeerID `json:"From"`
	To       PeerID `json:"To"`
	Reason   Reason `json:"reason"`
	Detail   string `json:"detail,omitempty"`   // for people
	ExitCode int    `json:"exitCode,omitempty"` // with [Exited]
	Stderr   string `json:"stderr,omitempty"`   // the end of the program's standard error
}

func (f Failure) Error() string {
	return fmt.Sprintf("message from %s to %s: %s: %s", f.From, f.To, f.Reason, f.Detail)
}

// Limits of a failure that travels. Senders and receivers both apply them.
const (
	MaxFailures      = 256     // in one Done
	MaxFailureDetail = 1 << 10 // bytes
	MaxFailureStderr = 4 << 10 // bytes, the last ones
)

// Clip cuts the failure's texts to the limits, and makes those that sentences are made of safe to
// show. Stderr stays as the program wrote it.
func (f Failure) Clip() Failure {
	f.From, f.To = PeerID(Printable(string(f.From), false)), PeerID(Printable(string(f.To), false))
	f.Reason = Reason(Printable(string(f.Reason), false))
	f.Detail = Printable(f.Detail, true)
	if len(f.Detail) > MaxFailureDetail {
		f.Detail = strings.ToValidUTF8(f.Detail[:MaxFailureDetail], "")
	}
	if n := len(f.Stderr); n > MaxFailureStderr {
		f.Stderr = f.Stderr[n-MaxFailureStderr:]
	}
	return f
}
