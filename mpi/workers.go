package mpi

import (
	"context"
	"time"
)

// WorkerKind is what a worker is for.
type WorkerKind string

// The kinds of workers.
const (
	WorkerIdle    WorkerKind = "idle"    // waits to be needed
	WorkerRanks   WorkerKind = "ranks"   // the ranks of a job on this node
	WorkerHandler WorkerKind = "handler" // the messages of a program
	WorkerCompile WorkerKind = "compile" // a compilation
)

// WorkerStatus is one process in which guests run.
type WorkerStatus struct {
	ID      uint64     `json:"id"` // from 1; not used again while the daemon runs
	Pid     int        `json:"pid"`
	Kind    WorkerKind `json:"kind"`
	Program string     `json:"program,omitempty"` // name or CID; of ranks and handler
	Job     string     `json:"job,omitempty"`     // of ranks
	Since   time.Time  `json:"since"`             // when it got this kind
	Memory  int64      `json:"memory"`            // bytes resident when it was last looked at
	CPU     float64    `json:"cpu"`               // seconds of processor time, as of then
	Limit   int64      `json:"limit"`             // bytes resident that end it; 0 for none
}

// WorkerList is what /v1/workers answers.
type WorkerList struct {
	Workers []WorkerStatus `json:"workers"` // those that run, by ID
	Started uint64         `json:"started"` // since the node's start
	Crashed uint64         `json:"crashed"` // of them: ended by a fault, or killed for one
}

// WorkerProfile names a profile of a worker.
type WorkerProfile string

// The profiles.
const (
	ProfileCPU       WorkerProfile = "cpu"
	ProfileHeap      WorkerProfile = "heap"
	ProfileGoroutine WorkerProfile = "goroutine"
)

// Limits of a profile: the time of one of the CPU, and bytes.
const (
	MaxProfileTime = time.Minute
	MaxProfile     = 16 << 20
)

// Workers knows the processes in which guests run. mpi/worker implements it.
type Workers interface {
	Workers() WorkerList
	// Profile takes a profile of a worker, as the tool pprof reads it, and ends it when ctx ends. d
	// is the time of one of the CPU. One is taken at a time of each worker.
	Profile(ctx context.Context, worker uint64, p WorkerProfile, d time.Duration) ([]byte, error)
}
