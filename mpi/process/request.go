package process

import "github.com/ipfs-mpi/ipfs-mpi/mpi/match"

// request is what an MPI_Request stands for: an operation that was started, or can be, again and again, if it is
// persistent.
type request struct {
	handle     int32
	on         *Comm // whose error handler is told of its errors
	op         operation
	persistent bool
	active     bool
}

// operation is what a request does. Package match or coll does the work; the rank's goroutine alone calls these methods.
type operation interface {
	// start begins the operation, anew if it is persistent.
	start(p *Process) error
	// done reports whether it is complete. It is cheap, and callable without a lock.
	done() bool
	// finish tells what an operation came to, once it is done.
	finish(p *Process) (match.Status, error)
	// cancel tries to take it back (MPI 5.0, 3.8.4); an operation that cannot be does nothing.
	cancel(p *Process)
	// free lets go of what it holds, once the request is freed: it is done, or goes on alone.
	free(p *Process)
}
