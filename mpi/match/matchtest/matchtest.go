// Package matchtest joins the nodes of a job in one process, for tests of what is above package
// match: each node is a [match.World], and between them packets go through a [Network], which
// delays them as a seed draws.
package matchtest

import (
	"bytes"
	"context"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Network is the worlds of one job, and what is on its way between them. It is safe for use by many
// goroutines.
type Network struct {
	nodes   []int
	worlds  map[int]*match.World // by node
	inboxes map[int]*inbox       // by node
	wg      sync.WaitGroup       // deliver, for each inbox
}

// Start makes the worlds of a job, each from cfg with its own Size, Local and Link; nodes has the
// node of each rank. Packets from one node to another arrive in order. How late each is, and which
// of those from different nodes is next, is drawn from the seed; with seed 0 all go as they come.
// Whoever starts a network closes it. The end of ctx aborts the worlds with its cause.
func Start(ctx context.Context, nodes []int, seed uint64, cfg match.Config) *Network {
	n := &Network{nodes: nodes, worlds: map[int]*match.World{}, inboxes: map[int]*inbox{}}
	local := map[int][]int{}
	for rank, node := range nodes {
		local[node] = append(local[node], rank)
	}
	cfg.Size, cfg.Link = len(nodes), nil
	if len(local) > 1 {
		cfg.Link = n
	}
	for node, ranks := range local {
		cfg.Local = ranks
		n.worlds[node] = match.New(ctx, cfg)
		n.inboxes[node] = newInbox(seed, node)
	}
	for node := range local {
		n.wg.Go(func() { n.deliver(node) })
	}
	return n
}

// World is the ranks on a node.
func (n *Network) World(node int) *match.World { return n.worlds[node] }

// Abort ends the job on every node.
func (n *Network) Abort(err error) {
	for _, w := range n.worlds {
		w.Abort(err)
	}
}

// Close drops what is on its way and closes the worlds. No endpoint is used after it.
func (n *Network) Close() {
	for _, in := range n.inboxes {
		in.close()
	}
	n.wg.Wait()
	for _, w := range n.worlds {
		w.Close()
	}
}

// Send implements [match.Link]. There is always room.
func (n *Network) Send(_ context.Context, p frame.Packet) error {
	p.Data = bytes.Clone(p.Data)
	n.Post(p)
	return nil
}

// Post implements [match.Link].
func (n *Network) Post(p frame.Packet) { n.inboxes[n.nodes[p.To]].put(n.nodes[p.From], p) }

// deliver gives a node its packets, one at a time, until the network is closed.
func (n *Network) deliver(node int) {
	in, w := n.inboxes[node], n.worlds[node]
	for p, ok := in.next(); ok; p, ok = in.next() {
		if err := w.Receive(p); err != nil {
			n.Abort(err)
		}
	}
}
