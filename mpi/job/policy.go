package job

import "github.com/ipfs-mpi/ipfs-mpi/mpi"

// failure is a process that failed: a rank that did not exit with 0.
type failure struct {
	rank   int
	reason mpi.Reason
}

// endsJob is the policy of a job: whether the failure of one process ends it. Every failure does.
// The node of the process and the origin both ask, and no other code decides it.
func endsJob(failure) bool { return true }
