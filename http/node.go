// Package http is the local JSON API of a node, as docs/http-api.md specifies it, and its client.
//
// [New] makes a [Server] of a [Node]. Every request passes ServeHTTP, which checks Host, Origin and
// token, counts the request and recovers from panics; routes.go lists the handlers. A handler
// returns its error; only problem.go turns errors into a status and a problem document. When the
// client hangs up, or Close runs out of time, the request's context ends, and the node must return.
//
// Refused clients get their answer even if they send a large body first: see refuse.go. Plain
// bodies of messages are decoded in one pass: see scan.go, and mpi/decode.go for JSON.
//
// [Discover] finds the API of a running node, and a [Client] uses it.
package http

import (
	"context"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Node is what the API serves: mpi/node, mpi/job and mpi/worker implement it. Its errors are
// [*mpi.Error] or ctx's.
type Node interface {
	Self() mpi.PeerID
	// Do carries out a request. With an error the result holds the answers and failures so far.
	Do(ctx context.Context, r mpi.Request) (mpi.Result, error)
	Status() mpi.NodeStatus
	// Interpreters are those of this node and those that its peers serve, by name and version.
	Interpreters() []mpi.InterpreterStatus
	// Clear forgets that a program crashed its workers, so that one that was set aside for it is
	// served again. It is false if there were no crashes.
	Clear(program mpi.CID) bool
	// Pool finds the pool of a program ("name", "name/version", "name/range" or a CID), asking
	// the network first if the view is empty or has never been refreshed, or fresh is set.
	Pool(ctx context.Context, file string, fresh bool) (mpi.PoolStatus, error)
	// Peers are all peers that answered a hello, sorted by ID; fresh asks the network first.
	Peers(ctx context.Context, fresh bool) ([]mpi.Member, error)
	mpi.Jobs
	mpi.Hosting
	mpi.Workers
}
