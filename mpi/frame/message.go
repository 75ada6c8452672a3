package frame

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Frame is one thing a node says to another over a [Transport]. Frames between two
// nodes arrive once, in order. mpi/wire encodes them; docs/protocol.md specifies them.
type Frame interface{ isFrame() }

// Deliver carries a message to the receiver's interpreter, or an answer home to its
// origin. Who sent it is not said: the receiver knows its peer.
type Deliver struct {
	// ID names the message in Accept, Refuse, Done. The sender chooses it, and uses
	// each value once in its life.
	ID      uint64
	Request mpi.RequestID
	Program mpi.CID
	// Answer is set when the message goes home: its receiver is Request.Origin, and no
	// interpreter handles it. An answer ends with Accept or Refuse; no Done follows.
	Answer bool
	// Ends is, in an answer, the ID of the message that it is the only outcome of, among those that
	// its receiver sent; 0 for none. The answer is its Done as well, which follows nevertheless.
	// Peers of version 1.0.0 are not told.
	Ends uint64
	// Budget is the time the request has left. The receiver does not start it later.
	Budget time.Duration
	Pid    int64
	Data   []byte
}

// Accept says that the receiver has queued Deliver ID and will say Done.
type Accept struct{ ID uint64 }

// Refuse ends Deliver ID: it was not and will not be handled.
type Refuse struct {
	ID     uint64
	Reason mpi.Reason
	Detail string
}

// Done ends Deliver ID: it was handled, or failed, and so was all that its handler sent.
// Failures names what failed, the message itself included: it has Index 0, the others
// Index -1. At most [mpi.MaxFailures]; Omitted counts those left out.
type Done struct {
	ID       uint64
	Failures []mpi.Failure
	Omitted  uint64
}

// Cancel asks the receiver to drop what it has queued of what the sender delivered for
// the request, and to pass the word to whomever it sent on to. What runs already may end.
type Cancel struct{ Request mpi.RequestID }

func (Deliver) isFrame() {}
func (Accept) isFrame()  {}
func (Refuse) isFrame()  {}
func (Done) isFrame()    {}
func (Cancel) isFrame()  {}
