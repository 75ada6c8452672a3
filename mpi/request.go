package mpi

import "time"

// Request asks a node to send messages to interpreters of one pool and to wait for answers.
type Request struct {
	// File names the program: "name", "name/version", "name/range" or a CID.
	File string
	Pid  int64
	// Messages are each handled by the interpreter at their To. From is this node.
	Messages []Message
	// Expected is how many answers to wait for; 0 to return as soon as every message is
	// accepted by its peer.
	Expected int
	// Timeout bounds the whole request; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Grace is how long a peer that has a message may be silent before the message is named as
	// lost; 0 means 30 s. The peer's own grace may end the session sooner.
	Grace time.Duration
}

// Bounds of a request.
const (
	DefaultTimeout = time.Minute
	MaxTimeout     = 24 * time.Hour
	MinGrace       = time.Second
	MaxGrace       = time.Hour
	MaxBatch       = 1 << 16 // messages in one request
)

// Check returns what is wrong with the request, as an [Error] in the API's words. The node checks
// the rest: File, the addresses To and From, and the length of Data.
func (r Request) Check() error {
	switch {
	case r.File == "":
		return Errorf(CodeInvalid, `File is missing: name an interpreter, such as "echo" or "echo/1.0.0"`)
	case len(r.Messages) > MaxBatch:
		return Errorf(CodeTooLarge, "%d messages, over the limit of %d: send them in several requests", len(r.Messages), MaxBatch)
	case r.Timeout < 0 || r.Timeout > MaxTimeout:
		return Errorf(CodeInvalid, "Timeout is %s: it must be positive and at most %s", r.Timeout, MaxTimeout)
	case r.Grace != 0 && (r.Grace < MinGrace || r.Grace > MaxGrace):
		return Errorf(CodeInvalid, "Grace is %s: it must be from %s to %s", r.Grace, MinGrace, MaxGrace)
	case r.Expected < 0 || r.Expected > MaxBatch:
		return Errorf(CodeInvalid, "Expected is %d: it must be from 0 to %d", r.Expected, MaxBatch)
	}
	for i := range r.Messages {
		if r.Messages[i].To == "" {
			return Errorf(CodeInvalid, "messages[%d].To is missing: it must be a peer ID", i)
		}
	}
	return nil
}

// Result is the result of a request. With an error it holds the answers and failures so far.
type Result struct {
	Pid      int64
	Messages []Message // answers in order of arrival; From is the peer that sent each
	Failures []Failure
	Omitted  uint64 // number of further failures
}
