package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/p2p"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/rendezvous"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
)

var (
	guest    []byte // the compiled testdata/guest
	cacheDir string // of compiled code, for all nodes of all tests
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "node-test")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	cacheDir = filepath.Join(dir, "cache")
	file := filepath.Join(dir, "guest.wasm")
	cmd := osexec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the guest: %v\n%s", err, out)
		return 1
	}
	if guest, err = os.ReadFile(file); err != nil {
		panic(err)
	}
	return m.Run()
}

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
	mu     sync.Mutex // guards world
	world  map[mpi.CID]*mpi.Bundle
	list   []mpi.Interpreter
	update func([]mpi.Interpreter)
}

func (s *fakeStore) Start(update func([]mpi.Interpreter)) error {
	s.update = update
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
	if s.world == nil {
		s.world = map[mpi.CID]*mpi.Bundle{}
	}
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

// testNode is a node over a real libp2p host, with everything real but the store.
type testNode struct {
	*Node
	host host.Host
}

func (n testNode) id() string { return string(n.Self()) }

// start starts n nodes that serve the guest as "guest/1.0.0", connected to each other, and waits
// until each sees all others. They are closed when the test ends.
func start(t testing.TB, n int, set ...func(i int, c *Config)) []testNode {
	t.Helper()
	nodes := make([]testNode, n)
	for i := range nodes {
		nodes[i] = newNode(t, i, set...)
		for _, other := range nodes[:i] {
			connect(t, nodes[i].host, other.host)
		}
	}
	for _, x := range nodes {
		await(t, x, func() bool {
			serving := 0
			for _, m := range x.cfg.Pools.Known() {
				if slices.ContainsFunc(nodes, func(y testNode) bool { return y.Self() == m.Peer && len(m.Serves) == len(y.own()) }) {
					serving++
				}
			}
			return serving == n-1
		})
	}
	return nodes
}

func newNode(t testing.TB, i int, set ...func(i int, c *Config)) testNode {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	tr := p2p.New(h, p2p.Config{Grace: time.Second})
	pools := rendezvous.New(rendezvous.Config{Host: h, Exchanger: tr, Protocol: string(p2p.PoolProtocol), Agent: "test", HandlerSlots: 2})
	tr.Greet(pools)
	id := cidOf("guest")
	c := Config{
		Transport: tr, Pools: pools, Runtime: wasm.New(wasm.Config{CacheDir: cacheDir}),
		Store: &fakeStore{
			world: map[mpi.CID]*mpi.Bundle{id: {Run: guest, Files: fstest.MapFS{}}},
			list:  []mpi.Interpreter{{Name: "guest", Version: "1.0.0", CID: id}},
		},
		Agent: "test", HandlerSlots: 2, Memory: 64 << 20, Timeout: 20 * time.Second, MaxMessage: 1 << 20,
		Grace: 100 * time.Millisecond,
	}
	for _, f := range set {
		f(i, &c)
	}
	x := testNode{New(c), h}
	if err := x.Start(t.Context()); err != nil {
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
	await(t, x, func() bool { return prepared(x) })
	for _, s := range x.programs.list() {
		if s.State != mpi.Ready {
			t.Fatalf("%s: %s", s, s.Error)
		}
	}
	return x
}

// prepared reports whether all interpreters of the node's store are ready or have failed.
func prepared(n testNode) bool {
	return !slices.ContainsFunc(n.programs.list(), func(s mpi.InterpreterStatus) bool { return s.State == mpi.Preparing })
}

func connect(t testing.TB, a, b host.Host) {
	t.Helper()
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// await asks the network again and again until the condition holds.
func await(t testing.TB, n testNode, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !cond() {
		if ctx.Err() != nil {
			t.Fatal("what the test waits for did not come about within a minute")
		}
		_ = n.cfg.Pools.Discover(ctx)
	}
}

// do sends one message for each text to the peer and expects as many answers.
func do(t *testing.T, n testNode, to mpi.PeerID, texts ...string) (mpi.Result, error) {
	t.Helper()
	r := mpi.Request{File: "guest", Pid: 11, Expected: len(texts), Timeout: time.Minute}
	for _, s := range texts {
		r.Messages = append(r.Messages, mpi.Message{To: to, Data: mpi.Bytes(s)})
	}
	return n.Do(t.Context(), r)
}
