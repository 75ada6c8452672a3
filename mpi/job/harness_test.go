package job

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/node"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/ranks"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/rendezvous"
)

// cidOf is a CID that names the text.
func cidOf(text string) mpi.CID {
	sum := sha256.Sum256([]byte(text))
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err)
	}
	return mpi.CID(cid.NewCidV1(cid.Raw, mh).String())
}

// fakeStore serves list. What is only in world can be opened by its CID.
type fakeStore struct {
	mu    sync.Mutex // guards world
	world map[mpi.CID]*mpi.Bundle
	list  []mpi.Interpreter
}

func (s *fakeStore) Start(update func([]mpi.Interpreter)) error {
	update(s.list)
	return nil
}

func (s *fakeStore) Open(_ context.Context, c mpi.CID) (*mpi.Bundle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.world[c]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%s: %w", c, fs.ErrNotExist)
}

func (s *fakeStore) Add(_ context.Context, wasm []byte) (mpi.CID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := cidOf(string(wasm))
	s.world[id] = &mpi.Bundle{Run: wasm, Files: fstest.MapFS{}}
	return id, nil
}

func (s *fakeStore) ParseCID(text string) (mpi.CID, error) {
	c, err := cid.Decode(text)
	if err != nil {
		return "", err
	}
	return mpi.CID(c.String()), nil
}

func (s *fakeStore) Status() mpi.StoreStatus     { return mpi.StoreStatus{Serves: s.list} }
func (s *fakeStore) Close(context.Context) error { return nil }

// setup is what a node of a test is made of.
type setup struct {
	Config
	node    node.Config
	Store   *fakeStore
	Runtime exec.Runtime
}

// serve has a node serve each of the programs under its name, version 1.0.0.
func serve(c *setup, programs goPrograms) {
	s := &fakeStore{world: map[mpi.CID]*mpi.Bundle{}}
	for name := range programs {
		id := cidOf(name)
		s.world[id] = &mpi.Bundle{Run: []byte(name), Files: fstest.MapFS{}}
		s.list = append(s.list, mpi.Interpreter{Name: name, Version: "1.0.0", CID: id})
	}
	c.Store, c.Runtime, c.RankSlots = s, programs, 8
}

// service makes the node's jobs, with the node that has its programs.
func (c *setup) service() (*Service, *node.Node) {
	c.node.Transport, c.node.Pools, c.node.Store, c.node.Runtime = c.orTransport(), c.Pools, c.Store, ranks.Over(c.Runtime, ranks.Config{})
	c.node.Memory, c.node.HandlerSlots, c.node.Timeout, c.node.MaxMessage = c.Memory, 2, 20*time.Second, 1<<20
	n := node.New(c.node)
	c.Config.Store, c.Programs = c.Store, n
	return New(c.Config), n
}

func (c *setup) orTransport() frame.Transport {
	if c.node.Transport != nil {
		return c.node.Transport
	}
	return c.Transport
}

// testNode is a node over a real libp2p host, with everything real but the store.
type testNode struct {
	*Service
	node  *node.Node
	pools mpi.Pools
	host  p2phost.Host
}

func (n testNode) Self() mpi.PeerID { return n.self }

// own are the programs of the node's store.
func (n testNode) own() []mpi.InterpreterStatus {
	return slices.DeleteFunc(n.node.Interpreters(), func(s mpi.InterpreterStatus) bool { return s.State == mpi.Known })
}

// startJobs starts n nodes that serve each of the programs, connected to each other, and waits
// until each sees all others. They are closed when the test ends.
func startJobs(t testing.TB, n int, programs goPrograms, set ...func(i int, c *setup)) []testNode {
	t.Helper()
	nodes := make([]testNode, n)
	for i := range nodes {
		nodes[i] = newNode(t, i, append([]func(i int, c *setup){func(_ int, c *setup) { serve(c, programs) }}, set...)...)
		for _, other := range nodes[:i] {
			connect(t, nodes[i].host, other.host)
		}
	}
	for _, x := range nodes {
		await(t, x, func() bool {
			serving := 0
			for _, m := range x.pools.Known() {
				if slices.ContainsFunc(nodes, func(y testNode) bool { return y.Self() == m.Peer && len(m.Serves) == len(y.own()) }) {
					serving++
				}
			}
			return serving == n-1
		})
	}
	return nodes
}

func newNode(t testing.TB, i int, set ...func(i int, c *setup)) testNode {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	tr := p2p.New(h, p2p.Config{Grace: time.Second})
	pools := rendezvous.New(rendezvous.Config{Host: h, Exchanger: tr, Protocol: string(p2p.PoolProtocol), Agent: "test", HandlerSlots: 2})
	tr.Greet(pools)
	c := &setup{
		Config: Config{Transport: p2p.New(h, p2p.ForJobs(p2p.Config{})), Pools: pools, Host: fmt.Sprintf("host%d", i), Memory: 64 << 20},
		node:   node.Config{Transport: tr, Agent: "test"},
	}
	for _, f := range set {
		f(i, c)
	}
	x := testNode{pools: pools, host: h}
	x.Service, x.node = c.service()
	if err := errors.Join(x.Start(), x.node.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := x.Close(ctx); err != nil {
			t.Errorf("closing node %d: %v", i, err)
		}
		h.Close()
	})
	await(t, x, func() bool {
		return !slices.ContainsFunc(x.own(), func(s mpi.InterpreterStatus) bool { return s.State == mpi.Preparing })
	})
	for _, s := range x.own() {
		if s.State != mpi.Ready {
			t.Fatalf("%s: %s", s, s.Error)
		}
	}
	return x
}

// Close stops the node's jobs, then the node.
func (n testNode) Close(ctx context.Context) error {
	return errors.Join(n.Service.Close(ctx), n.node.Close(ctx))
}

func connect(t testing.TB, a, b p2phost.Host) {
	t.Helper()
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// await asks the network again and again until the condition holds.
func await(t testing.TB, n testNode, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	for !cond() {
		if ctx.Err() != nil {
			t.Fatal("what the test waits for did not come about within a minute")
		}
		_ = n.pools.Discover(ctx)
	}
}
