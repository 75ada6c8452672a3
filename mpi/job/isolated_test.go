package job

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/node"
)

// isolatedNode is a node whose peers are the test: no network, so that time is the test's.
type isolatedNode struct {
	*Service
	node *node.Node
	near map[mpi.PeerID]*isolatedNode // other such nodes, which hear what it says
	mu   sync.Mutex
	said map[mpi.PeerID][]frame.Frame // to the test
}

type isolatedTransport struct {
	frame.JobTransport
	n    *isolatedNode
	self mpi.PeerID
}

func (l isolatedTransport) Self() mpi.PeerID                        { return l.self }
func (isolatedTransport) Start(frame.Receiver) error                { return nil }
func (isolatedTransport) Close(context.Context) error               { return nil }
func (isolatedTransport) Watch(mpi.PeerID, time.Duration) func()    { return func() {} }
func (isolatedTransport) ParsePeer(text string) (mpi.PeerID, error) { return mpi.PeerID(text), nil }
func (isolatedTransport) Posted(mpi.PeerID, [16]byte) int64         { return 0 }
func (l isolatedTransport) Forget(to mpi.PeerID, job [16]byte) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.said[to] = slices.DeleteFunc(l.n.said[to], func(f frame.Frame) bool {
		k, ok := f.(frame.Packets)
		return ok && k.Job == job
	})
}
func (l isolatedTransport) Post(to mpi.PeerID, f frame.Frame, _ func(error)) {
	if near := l.n.near[to]; near != nil {
		near.receive(l.self, f.(frame.JobFrame))
		return
	}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.said[to] = append(l.n.said[to], f)
}

type isolatedPools struct{ mpi.Pools }

func (isolatedPools) Start() error                { return nil }
func (isolatedPools) Serve([]mpi.Interpreter)     {}
func (isolatedPools) Close(context.Context) error { return nil }

// newIsolated starts a node with 8 slots. Its ranks must not wait for each other: the bubble does
// not see them park.
func newIsolated(t *testing.T, self mpi.PeerID, programs goPrograms) *isolatedNode {
	n := &isolatedNode{near: map[mpi.PeerID]*isolatedNode{}, said: map[mpi.PeerID][]frame.Frame{}}
	tr := isolatedTransport{n: n, self: self}
	c := &setup{Config: Config{Transport: tr, Pools: isolatedPools{}, Memory: 1 << 20}, node: node.Config{AnyProgram: true}}
	serve(c, programs)
	n.Service, n.node = c.service()
	if err := errors.Join(n.Start(), n.node.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return n
}

func (n *isolatedNode) close(t *testing.T) {
	if err := errors.Join(n.Close(context.Background()), n.node.Close(context.Background())); err != nil {
		t.Error(err)
	}
}

// withIsolated runs a test on such a node, in a bubble of its own time.
func withIsolated(t *testing.T, programs goPrograms, test func(t *testing.T, n *isolatedNode)) {
	synctest.Test(t, func(t *testing.T) {
		n := newIsolated(t, "self", programs)
		defer n.close(t)
		test(t, n)
	})
}

// hear is what the node has said to a peer since it was asked last, once it has no more to do.
func (n *isolatedNode) hear(from mpi.PeerID) []frame.Frame {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.said[from]
	delete(n.said, from)
	return list
}

// offer offers a new job to the node, and returns its answer.
func (n *isolatedNode) offer(origin mpi.PeerID, ranks uint32) frame.Reservation {
	n.hear(origin)
	n.receive(origin, frame.Offer{Job: mpi.NewRequestID(origin), Program: cidOf("wait"), Ranks: ranks})
	list := n.hear(origin)
	return list[len(list)-1].(frame.Reservation)
}
