package match

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// network joins the worlds of a job. Packets wait in queues, in order for each pair of nodes, until
// deliver moves them, or, once it is running, goroutines do.
type network struct {
	t      testing.TB
	nodes  []int // of each rank
	worlds []*World

	mu     sync.Mutex
	queues map[[2]int][]frame.Packet
	random *rand.Rand
	wake   *sync.Cond
	closed bool
	wg     sync.WaitGroup
	see    func(frame.Packet) // what is told of each packet before it is delivered; nil for nobody
}

// link is a node's.
type link struct{ *network }

func (l link) Send(_ context.Context, p frame.Packet) error {
	p.Data = append([]byte(nil), p.Data...)
	l.Post(p)
	return nil
}

func (l link) Post(p frame.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := [2]int{l.nodes[p.From], l.nodes[p.To]}
	l.queues[pair] = append(l.queues[pair], p)
	l.wake.Signal()
}

// newNetwork makes the worlds of a job whose ranks are on these nodes.
func newNetwork(t testing.TB, nodes []int, seed uint64, cfg Config) *network {
	return newDecorated(t, nodes, seed, cfg, func(_ int, l Link) Link { return l })
}

// newDecorated is newNetwork with what decorate makes of the link of each node.
func newDecorated(t testing.TB, nodes []int, seed uint64, cfg Config, decorate func(node int, l Link) Link) *network {
	n := &network{t: t, nodes: nodes, queues: map[[2]int][]frame.Packet{}, random: rand.New(rand.NewPCG(seed, 7))}
	n.wake = sync.NewCond(&n.mu)
	for node := range max(nodes[0], nodes[len(nodes)-1]) + 1 {
		c := cfg
		c.Size, c.Link = len(nodes), decorate(node, link{n})
		for rank, at := range nodes {
			if at == node {
				c.Local = append(c.Local, rank)
			}
		}
		n.worlds = append(n.worlds, New(t.Context(), c))
	}
	t.Cleanup(n.close)
	return n
}

func (n *network) end(rank int) *Endpoint { return n.worlds[n.nodes[rank]].Endpoint(rank) }

// deliver moves one packet of a random pair, and reports false if there is none.
func (n *network) deliver() bool {
	n.mu.Lock()
	pick := n.random.IntN(1 << 30)
	var pairs [][2]int
	for from := range n.worlds {
		for to := range n.worlds {
			if len(n.queues[[2]int{from, to}]) > 0 {
				pairs = append(pairs, [2]int{from, to})
			}
		}
	}
	if len(pairs) == 0 {
		n.mu.Unlock()
		return false
	}
	pair := pairs[pick%len(pairs)]
	p := n.queues[pair][0]
	n.queues[pair] = n.queues[pair][1:]
	n.mu.Unlock()
	if n.see != nil {
		n.see(p)
	}
	if err := n.worlds[pair[1]].Receive(p); err != nil {
		n.t.Error(err)
		for _, w := range n.worlds {
			w.Abort(err)
		}
	}
	return true
}

// start has a goroutine deliver packets until the network is closed.
func (n *network) start() {
	n.wg.Go(func() {
		for {
			n.mu.Lock()
			for !n.closed && !n.waiting() {
				n.wake.Wait()
			}
			closed := n.closed
			n.mu.Unlock()
			if closed {
				return
			}
			n.deliver()
		}
	})
}

func (n *network) waiting() bool {
	for _, q := range n.queues {
		if len(q) > 0 {
			return true
		}
	}
	return false
}

// settle delivers until nothing is under way.
func (n *network) settle() {
	for {
		for n.deliver() {
		}
		busy := false
		for _, w := range n.worlds {
			w.mu.Lock()
			busy = busy || len(w.pumps) > 0
			w.mu.Unlock()
		}
		if !busy && !n.deliver() {
			return
		}
	}
}

func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	n.wake.Broadcast()
	n.mu.Unlock()
	n.wg.Wait()
	for _, w := range n.worlds {
		w.Close()
	}
}

// ready delivers what is there and then fails the test unless the request is done as wanted.
func (n *network) ready(r *Request, want bool) {
	n.t.Helper()
	n.settle()
	if r.Done() != want {
		n.t.Fatalf("done is %v, not %v", r.Done(), want)
	}
}

func bytesOf(s string) datatype.Buffer { return datatype.Of([]byte(s)) }

// to and from are envelopes in one communicator that is all ranks of the job.
func to(me, rank int, tag int32) Envelope {
	return Envelope{Context: 4, Peer: rank, Source: int32(me), Tag: tag}
}
func from(rank int, tag int32) Envelope {
	return Envelope{Context: 4, Peer: rank, Source: int32(rank), Tag: tag}
}
