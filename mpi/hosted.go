package mpi

import (
	"context"
	"time"
)

// HostedJob is what a node runs of a job of another origin.
type HostedJob struct {
	ID      string      `json:"id"`  // at this node
	Job     string      `json:"job"` // its ID at its origin
	Origin  PeerID      `json:"origin"`
	Program CID         `json:"program"`
	Name    string      `json:"name"`  // of the program, as the origin calls it
	Ranks   []int       `json:"ranks"` // that are here
	State   HostedState `json:"state"`
	Since   time.Time   `json:"since"`  // when the ranks were placed here
	CPU     float64     `json:"cpu"`    // seconds of processor time that its process has taken
	Memory  int64       `json:"memory"` // bytes that its process has resident
}

// HostedState is how far a hosted job has come.
type HostedState string

// The states of a hosted job.
const (
	HostedPreparing HostedState = "preparing" // the program is fetched and compiled
	HostedReady     HostedState = "ready"     // the other nodes are waited for
	HostedRunning   HostedState = "running"
	// the ranks have ended; those of other nodes may still want an answer
	HostedEnded HostedState = "ended"
)

// HostedJobs are what /v1/hosted answers.
type HostedJobs struct {
	Jobs    []HostedJob `json:"jobs"`    // by time, the newest first
	Started uint64      `json:"started"` // whose ranks were started here since the node's start
}

// NodeHosted counts the jobs of other origins on a node.
type NodeHosted struct {
	Jobs    int    `json:"jobs"`    // with ranks here now
	Ranks   int    `json:"ranks"`   // of them
	Started uint64 `json:"started"` // since the node's start
}

// Hosting is what a node does for jobs of other origins.
type Hosting interface {
	// Hosted are the jobs of other origins that have ranks here. CPU and Memory are not filled in.
	Hosted() HostedJobs
	// EndHosted ends what a hosted job has here, and with it the job, and returns when nothing of
	// it is left, or ctx has ended.
	EndHosted(ctx context.Context, id string) error
}
