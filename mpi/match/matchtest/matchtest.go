// Package matchtest joins the nodes of a job in one process, for tests of what is above package match: each node is a
// [match.World], and between them packets go through a [Network], which puts them into an order that a seed draws.
package matchtest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Network is the worlds of one job, and what is on its way between them. It is safe for use by many goroutines.
type Network struct {
	nodes  []int
	worlds map[int]*match.World // by node
	random *rand.Rand           // deliver's; nil if packets go as they come

	mu     sync.Mutex // guards the rest
	more   *sync.Cond
	queues map[pair][]mpi.Packet // no empty ones
	ready  []pair                // those that have a queue
	closed bool

	wg sync.WaitGroup // deliver
}

// pair is the nodes that a packet goes from and to.
type pair struct{ from, to int }

// Start makes the worlds of a job, each from cfg with its own Size, Local and Link; nodes has the node of each rank. Packets from one
// node to another arrive in order. Which of those of different pairs of nodes is next is drawn from the seed; with seed 0 all go as they
// come. Whoever starts a network closes it. The end of ctx aborts the worlds with its cause.
func Start(ctx context.Context, nodes []int, seed uint64, cfg match.Config) *Network {
	n := &Network{nodes: nodes, worlds: map[int]*match.World{}, queues: map[pair][]mpi.Packet{}}
	n.more = sync.NewCond(&n.mu)
	if seed != 0 {
		n.random = rand.New(rand.NewPCG(seed, 0))
	}
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
	}
	n.wg.Go(n.deliver)
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
	n.mu.Lock()
	n.closed = true
	n.more.Signal()
	n.mu.Unlock()
	n.wg.Wait()
	for _, w := range n.worlds {
		w.Close()
	}
}

// Send implements [match.Link]. There is always room.
func (n *Network) Send(_ context.Context, p mpi.Packet) error {
	p.Data = bytes.Clone(p.Data)
	n.Put(p)
	return nil
}

// Put implements [match.Link].
func (n *Network) Put(p mpi.Packet) {
	var between pair // all in one queue if they go as they come
	if n.random != nil {
		between = pair{n.nodes[p.From], n.nodes[p.To]}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queues[between]) == 0 {
		n.ready = append(n.ready, between)
	}
	n.queues[between] = append(n.queues[between], p)
	n.more.Signal()
}

// deliver delivers one packet at a time until the network is closed.
func (n *Network) deliver() {
	for p, ok := n.next(); ok; p, ok = n.next() {
		if err := n.worlds[n.nodes[p.To]].Receive(p); err != nil {
			n.Abort(err)
		}
	}
}

// next waits for a packet and takes it: the first of a pair of nodes drawn from those that have any.
func (n *Network) next() (mpi.Packet, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.ready) == 0 && !n.closed {
		n.more.Wait()
	}
	if n.closed {
		return mpi.Packet{}, false
	}
	i := 0
	if n.random != nil {
		i = n.random.IntN(len(n.ready))
	}
	between := n.ready[i]
	queue := n.queues[between]
	if len(queue) > 1 {
		n.queues[between] = queue[1:]
	} else {
		delete(n.queues, between)
		n.ready[i] = n.ready[len(n.ready)-1]
		n.ready = n.ready[:len(n.ready)-1]
	}
	return queue[0], true
}
