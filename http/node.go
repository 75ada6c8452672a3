// Package http is the local JSON API of a node.
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
}
