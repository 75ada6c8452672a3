// Package http is the local JSON API of a node, as docs/http-api.md specifies it, and its client.
//
// [New] makes a [Server] of a [Node]; Start and Close begin and end it. Every request passes
// ServeHTTP, where it is screened (Host, Origin, token), counted and recovered from; then routes.go
// says which handler it is for. A handler returns its error, and problem.go alone makes a status and
// a problem document of it. Whatever a request's context outlives is the node's: when the client
// hangs up, or Close runs out of time, the context ends, and the node has to return.
//
// [Discover] finds the API of a running node, and a [Client] uses it.
package http

import (
	"context"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Node is what the API serves: mpi/node implements it. Its errors are [*mpi.Error], or ctx's own.
type Node interface {
	Self() mpi.PeerID
	// Do carries out a request. With an error the result holds what did come.
	Do(ctx context.Context, r mpi.Request) (mpi.Result, error)
	Status() mpi.NodeStatus
	// Interpreters are those of this node and those that its peers serve, by name and version.
	Interpreters() []mpi.InterpreterStatus
	// Pool finds the pool of a program ("name", "name/version", "name/range" or a CID), asking
	// the network first if the view is empty or has never been refreshed, or fresh is set.
	Pool(ctx context.Context, file string, fresh bool) (mpi.PoolStatus, error)
	// Peers are all peers that answered a hello, sorted by ID; fresh asks the network first.
	Peers(ctx context.Context, fresh bool) ([]mpi.Member, error)
	mpi.Jobs
}
