package mpi

import "time"

// Request is what the API asks of a node: push messages to interpreters of one pool and
// wait for answers.
type Request struct {
	// File names the program: "name", "name/version", "name/range" or a CID.
	File string
	Pid  int64
	// Messages are handled each by the interpreter at its To. From is this node.
	Messages []Message
	// Expected is how many answers to wait for; 0 to return as soon as every message is
	// accepted by its peer.
	Expected int
	// Timeout bounds the whole request; 0 means [DefaultTimeout].
	Timeout time.Duration
}

// Bounds of a request.
const (
	DefaultTimeout = time.Minute
	MaxTimeout     = 24 * time.Hour
	MaxBatch       = 1 << 16 // messages in one request
)

// Result is what came of a request. With an error it holds all that did come.
type Result struct {
	Pid      int64
	Messages []Message // answers in order of arrival; From is the peer that sent each
	Failures []Failure
	Omitted  uint64 // failures beyond those named
}
