// Package cluster runs a few real nodes on one machine: child processes with repositories of their
// own, connected to each other and cut off from the public network.
//
//	c := cluster.New(cluster.Config{N: 3, Exe: exe, Store: "bin/store", Ready: ready})
//	if err := c.Start(ctx); err != nil { … }   // nothing is left if it fails
//	defer c.Close()
//	for _, n := range c.Nodes() { … }
//	err := c.Wait(ctx)                         // until ctx ends, or the last node does
//
// No node outlives the process that owns the Cluster, whatever ends that: each holds the reading
// end of a pipe whose writing end only the owner has (see [LifelineEnv]).
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// LifelineEnv names the environment variable that holds the number of an open file. A process that
// is started with it interrupts itself when reading that file ends.
const LifelineEnv = "IPFS_MPI_LIFELINE"

// Config is what a cluster is made of.
type Config struct {
	N   int    // nodes, at least 1
	Exe string // the ipfs-mpi executable
	// Store is a directory that is added to the first node and served by all; empty for none.
	Store string
	// Settings are the plugin's, for every node, over the cluster's own.
	Settings map[string]any
	// Dir gets the repositories and logs, and keeps them. It must be empty or absent. If Dir itself
	// is empty, a temporary directory is used and removed.
	Dir string
	// Cache is a directory of compiled programs for all nodes of this user's clusters; empty: each
	// node has its own.
	Cache string
	// Ready waits until the nodes given (all, or only the first) are ready. It asks their APIs, and
	// returns an error only when ctx ends.
	Ready func(ctx context.Context, nodes []Node) error
	// Progress gets a line of text for each step; nil for none.
	Progress io.Writer
}

// Node is how to reach one node of a running cluster.
type Node struct {
	Peer string `json:"peer"` // its peer ID
	API  string `json:"api"`  // URL of its JSON API
	RPC  string `json:"rpc"`  // multiaddr of Kubo's RPC
	Repo string `json:"repo"` // its IPFS_PATH
}

// Cluster is a set of nodes. Its methods are for one goroutine.
type Cluster struct {
	cfg   Config
	dir   string
	temp  *os.File // lock of dir, if dir is ours to remove
	store string
	nodes []*node

	lifeR, lifeW *os.File // the nodes end when lifeW is closed

	// died receives the reason of each unexpected end of a node. Its buffer has room for all nodes.
	died chan error
	wg   sync.WaitGroup // one for each running node

	progressMu sync.Mutex // guards cfg.Progress: nodes are stopped at the same time
}

// New makes a cluster that is not running.
func New(cfg Config) *Cluster {
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	return &Cluster{cfg: cfg, died: make(chan error, max(cfg.N, 1))}
}

// Start makes the repositories, adds the store, starts and connects the nodes, and waits until they
// are ready. If it fails nothing is left, but for the files where Config.Dir is set.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.start(ctx); err != nil {
		return errors.Join(err, c.Close())
	}
	return nil
}

func (c *Cluster) start(ctx context.Context) error {
	if c.cfg.N < 1 {
		return fmt.Errorf("a cluster has at least one node, not %d", c.cfg.N)
	}
	if err := c.checkStore(); err != nil {
		return err
	}
	if err := c.makeDir(); err != nil {
		return err
	}
	var err error
	if c.lifeR, c.lifeW, err = os.Pipe(); err != nil {
		return err
	}
	for i := range c.cfg.N {
		c.nodes = append(c.nodes, newNode(c.dir, i+1))
	}
	c.progress("making %d nodes in %s", c.cfg.N, c.dir)
	// The first node alone has the store's blocks; its CID goes into every node's configuration.
	if err := c.init(ctx, c.nodes[0], ""); err != nil {
		return err
	}
	if c.cfg.Store != "" {
		if c.store, err = c.add(ctx); err != nil {
			return err
		}
		c.progress("the store %s is %s", c.cfg.Store, c.store)
	}
	if err := c.configure(c.nodes[0], c.store); err != nil {
		return err
	}
	if err := c.startNodes(ctx); err != nil {
		return err
	}
	c.progress("connecting")
	if err := c.connect(ctx); err != nil {
		return err
	}
	c.progress("waiting until every node is ready")
	return c.ready(ctx, c.nodes)
}

// startNodes makes the other repositories and starts all nodes. The first node starts alone and
// compiles the programs, which the others then find in the shared cache.
func (c *Cluster) startNodes(ctx context.Context) error {
	first, rest := c.nodes[:1], c.nodes[1:]
	err := each(ctx, c.nodes, func(ctx context.Context, n *node) error {
		if n != first[0] {
			return c.init(ctx, n, c.store)
		}
		if err := c.startNode(ctx, n); err != nil {
			return err
		}
		if c.store != "" && len(rest) > 0 {
			c.progress("compiling what is not compiled yet")
			return c.ready(ctx, first)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, rest, c.startNode)
}

// Nodes are the running cluster's nodes.
func (c *Cluster) Nodes() []Node { return public(c.nodes) }

func public(nodes []*node) []Node {
	list := make([]Node, len(nodes))
	for i, n := range nodes {
		list[i] = n.Node
	}
	return list
}

// StorePath is where the nodes have the store from, "/ipfs/CID", or empty.
func (c *Cluster) StorePath() string { return c.store }

// ready runs Config.Ready for nodes that run, unless one dies first.
func (c *Cluster) ready(ctx context.Context, nodes []*node) error {
	if c.cfg.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- c.cfg.Ready(ctx, public(nodes)) }()
	select {
	case err := <-done:
		return err
	case err := <-c.died:
		cancel(err)
		<-done
		return err
	}
}

// Wait returns nil when ctx ends. A node that ends by itself is reported, and the others go on;
// when none is left, Wait returns how the last one ended.
func (c *Cluster) Wait(ctx context.Context) error {
	for left := len(c.nodes); ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.died:
			if left--; left == 0 {
				return err
			}
			c.progress("%v\nthe other nodes go on", err)
		}
	}
}

// Close stops the nodes, waits for them and removes what is temporary. It may be called twice.
func (c *Cluster) Close() error {
	if c.lifeW != nil {
		c.stopNodes()
		c.wg.Wait()
		c.lifeR.Close()
		c.lifeW.Close()
		c.lifeR, c.lifeW = nil, nil
	}
	if c.temp == nil {
		return nil
	}
	err := os.RemoveAll(c.dir)
	c.temp.Close()
	c.temp = nil
	return err
}

func (c *Cluster) progress(format string, args ...any) {
	c.progressMu.Lock()
	defer c.progressMu.Unlock()
	fmt.Fprintf(c.cfg.Progress, format+"\n", args...)
}

func (c *Cluster) checkStore() error {
	if c.cfg.Store == "" {
		return nil
	}
	info, err := os.Stat(c.cfg.Store)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("store: %s is not a directory; it must hold name/version/run.wasm", c.cfg.Store)
	}
	return nil
}

func (c *Cluster) makeDir() (err error) {
	if c.cfg.Dir == "" {
		c.dir, c.temp, err = makeTemp()
		return err
	}
	if c.dir, err = filepath.Abs(c.cfg.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.dir)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: a new cluster needs an empty directory", c.dir)
	}
	return err
}

// each runs f for the nodes, a few at a time, and returns the first error. When one fails, the
// others' ctx ends.
func each(ctx context.Context, nodes []*node, f func(context.Context, *node) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	turns := make(chan struct{}, max(4, 2*runtime.NumCPU()))
	for _, n := range nodes {
		wg.Go(func() {
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
			case <-ctx.Done():
				return
			}
			if err := f(ctx, n); err != nil {
				cancel(err) // the first one stays
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
