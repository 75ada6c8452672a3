package mpi

import "time"

// NodeStatus is a picture of one node, for /v1/node.
type NodeStatus struct {
	Peer    PeerID      `json:"peer"`
	Agent   string      `json:"agent"`
	Started time.Time   `json:"started"`
	Slots   int         `json:"slots"`
	Running int         `json:"running"` // instances now
	Queued  int         `json:"queued"`  // messages waiting for a slot
	Open    int         `json:"open"`    // requests of this node's API not yet answered
	Peers   int         `json:"peers"`   // that answered a hello
	Store   StoreStatus `json:"store"`
	Totals  NodeTotals  `json:"totals"`
	Workers NodeWorkers `json:"workers"`
	Hosted  NodeHosted  `json:"hosted"` // jobs of other origins
	// what was refused to peers since the node's start, by the reason; none is 0
	Refusals map[Refusal]uint64 `json:"refusals,omitempty"`
	// when the quiet hours end that it is now
	QuietUntil time.Time `json:"quietUntil,omitzero"`
}

// NodeWorkers says how the processes are locked down in which programs run.
type NodeWorkers struct {
	// Lockdown is "whole", "partial", or "unknown" until the first program has run.
	Lockdown string `json:"lockdown"`
	Missing  string `json:"missing,omitempty"` // what the system lacks, for people
}

// NodeTotals count since the node's start.
type NodeTotals struct {
	Requests  uint64 `json:"requests"`  // of this node's API
	Delivered uint64 `json:"delivered"` // messages accepted for an interpreter here
	Refused   uint64 `json:"refused"`   // messages not accepted
	Handled   uint64 `json:"handled"`   // instances that ended well
	Failed    uint64 `json:"failed"`    // instances that did not
	Answers   uint64 `json:"answers"`   // answers that came home to a request here
	// workers that programs crashed, by messages and by jobs
	Crashed uint64 `json:"crashed,omitempty"`
}

// State is how far a node has come with an interpreter.
type State string

// The states of an interpreter on a node.
const (
	Preparing State = "preparing" // being fetched, compiled or initialised
	Ready     State = "ready"     // served and advertised
	Failing   State = "failed"    // not advertised; see Error
	Known     State = "known"     // not of this node: peers serve it
)

// InterpreterStatus is one interpreter as this node sees it.
type InterpreterStatus struct {
	Interpreter
	State State  `json:"state"`
	Kind  string `json:"kind,omitempty"` // "handler" or "mpi"; empty while not known
	Error string `json:"error,omitempty"`
	Peers int    `json:"peers"` // other members of its pool in view
}

// PoolStatus is one pool as this node sees it.
type PoolStatus struct {
	Interpreter
	Host   PeerID    `json:"host"`
	Served bool      `json:"served"` // by this node too
	Peers  []PeerID  `json:"peers"`  // the other members, sorted
	Asked  time.Time `json:"asked,omitzero"`
}
