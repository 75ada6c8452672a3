//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/test/netlab"
)

// The tests of faults run daemons in network namespaces. FAULTS=whole runs what docs/reliability.md
// promises, for hours; without it a short set runs. FAULTS_SEED makes other networks and faults.
var wholeFaults = os.Getenv("FAULTS") == "whole"

// of is the number for the whole set, or for the short one.
func of(whole, short int) int {
	if wholeFaults {
		return whole
	}
	return short
}

func faultSeed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv("FAULTS_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("FAULTS_SEED: %v", err)
	}
	return seed
}

// Each node has its own loopback, so all daemons may have the same ports.
const (
	swarmPort = "4001"
	rpcAddr   = "127.0.0.1:5001"
	apiAddr   = "127.0.0.1:5100"
)

// faultLab is daemons on nodes of their own, who know each other and have the programs.
type faultLab struct {
	net   *netlab.Net
	nodes []*faultNode
	exe   string
	only  string
}

// faultNode is one daemon. Its API and RPC are addresses of this machine that lead there.
type faultNode struct {
	*node
	on *netlab.Node
}

// labOptions are what newFaultLab makes, beside a number of nodes.
type labOptions struct {
	exe      string         // built with ipfs-mpi's sources; empty for bin/ipfs-mpi
	settings map[string]any // the plugin's, over the lab's own
	serve    []string       // the programs, at least one
	only     string         // "tcp" or "quic"; empty for both, each between other pairs
}

// newFaultLab starts so many daemons on a perfect network, and waits until each knows the others.
func newFaultLab(t testing.TB, nodes int, o labOptions) *faultLab {
	t.Helper()
	if err := netlab.Check(); err != nil {
		t.Skipf("the tests of faults need root and /dev/net/tun: %v", err)
	}
	if o.exe == "" {
		o.exe = loader
	}
	if _, err := os.Stat(o.exe); err != nil {
		t.Skipf("%v: make faults builds it", err)
	}
	network, err := netlab.New(netlab.Config{Seed: faultSeed(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &faultLab{net: network, exe: o.exe, only: o.only}
	for range nodes {
		l.nodes = append(l.nodes, l.add(t))
	}
	l.makeRepos(t, o)
	for _, n := range l.nodes {
		l.start(t, n)
	}
	for _, n := range l.nodes {
		n.proc.await(t, "the daemon", n.up)
	}
	l.connect(t)
	l.known(t, o.serve[0])
	return l
}

// known waits until every daemon knows that all others have a program.
func (l *faultLab) known(t testing.TB, file string) {
	t.Helper()
	for _, n := range l.nodes {
		members(t, n.node, file, len(l.nodes)-1)
	}
}

// add makes a node without a daemon.
func (l *faultLab) add(t testing.TB) *faultNode {
	t.Helper()
	on, err := l.net.Node()
	if err != nil {
		t.Fatal(err)
	}
	api, err := on.Forward(apiAddr)
	if err != nil {
		t.Fatal(err)
	}
	rpc, err := on.Forward(rpcAddr)
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(rpc, ":")
	return &faultNode{on: on, node: &node{
		API: "http://" + api, RPC: "/ip4/" + host + "/tcp/" + port,
		Repo: filepath.Join(t.TempDir(), "repo"),
	}}
}

// makeRepos makes the repositories, the first of which has the programs. All share what is
// compiled.
func (l *faultLab) makeRepos(t testing.TB, o labOptions) {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "compiled")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(l.nodes))
	for i, n := range l.nodes {
		wg.Go(func() {
			out, errOut, err := try(n.Repo, l.exe, "ipfs", "init", "--profile=test", "--empty-repo")
			if err != nil {
				errs[i] = fmt.Errorf("init: %w\n%s%s", err, out, errOut)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	store := strings.TrimSpace(run(t, l.nodes[0].Repo, l.exe, "ipfs", "add", "-Qr", "--cid-version=1", storeDir))
	for _, n := range l.nodes {
		settings := map[string]any{
			"API": multiaddr(apiAddr), "Store": "/ipfs/" + store, "Serve": o.serve, "Programs": "any",
			"Memory": "64MiB", "RankSlots": 8, "HandlerSlots": 4,
		}
		for key, value := range o.settings {
			settings[key] = value
		}
		l.configure(t, n, settings)
		dir := filepath.Join(n.Repo, "mpi")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(cache, filepath.Join(dir, "cache")); err != nil {
			t.Fatal(err)
		}
	}
}

func multiaddr(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "/ip4/" + host + "/tcp/" + port
}

// transports are how daemons talk, as the ends of multiaddrs.
func (l *faultLab) transports() []string {
	tcp, quic := "tcp/"+swarmPort, "udp/"+swarmPort+"/quic-v1"
	switch l.only {
	case "tcp":
		return []string{tcp}
	case "quic":
		return []string{quic}
	default:
		return []string{tcp, quic}
	}
}

// configure writes the node's configuration, and learns its peer ID.
func (l *faultLab) configure(t testing.TB, n *faultNode, settings map[string]any) {
	t.Helper()
	file := filepath.Join(n.Repo, "config")
	var config map[string]any
	decode(t, []byte(readFile(t, file)), &config)
	set := func(section, key string, value any) {
		part, ok := config[section].(map[string]any)
		if !ok {
			part = map[string]any{}
			config[section] = part
		}
		part[key] = value
	}
	var listen []string
	for _, transport := range l.transports() {
		listen = append(listen, "/ip4/0.0.0.0/"+transport)
	}
	set("Addresses", "Swarm", listen)
	set("Addresses", "API", multiaddr(rpcAddr))
	set("Addresses", "Gateway", []string{})
	set("Routing", "Type", "dht")
	set("HTTPRetrieval", "Enabled", false)
	set("Version", "SwarmCheckEnabled", false)
	set("Plugins", "Plugins", map[string]any{
		"telemetry": map[string]any{"Disabled": true},
		"mpi":       map[string]any{"Config": settings},
	})
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	n.Peer = config["Identity"].(map[string]any)["PeerID"].(string)
}

// start starts a node's daemon.
func (l *faultLab) start(t testing.TB, n *faultNode) {
	t.Helper()
	n.proc = launchBy(t, n.on.Start, []string{"IPFS_PATH=" + n.Repo}, l.exe, "daemon")
}

func (n *faultNode) up() bool { return strings.Contains(n.proc.output(), "Daemon is ready") }

// revive starts the daemon of a node again that was killed, and waits until all know each other.
func (l *faultLab) revive(t testing.TB, n *faultNode, file string) {
	t.Helper()
	<-n.proc.done
	l.start(t, n)
	n.proc.await(t, "the daemon", n.up)
	l.connect(t)
	l.known(t, file)
}

// signal sends a signal to the daemon, not to its workers.
func (n *faultNode) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := n.proc.cmd.Process.Signal(sig); err != nil {
		t.Errorf("%v to %s: %v", sig, n.on.Addr(), err)
	}
}

// connect connects every pair of daemons that is not connected, in turns over TCP and QUIC. A
// daemon that has just been killed may still seem connected, or be tried too often: it is tried
// again.
func (l *faultLab) connect(t testing.TB) {
	t.Helper()
	transports := l.transports()
	for i, a := range l.nodes {
		for j, b := range l.nodes[:i] {
			addr := fmt.Sprintf("/ip4/%s/%s/p2p/%s", b.on.Addr(), transports[(i+j)%len(transports)], b.Peer)
			var err error
			for end := time.Now().Add(patience); time.Now().Before(end); pause(t.Context(), 200*time.Millisecond) {
				if err = a.swarmConnect(t, addr); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatalf("connecting %s to %s: %v", a.on.Addr(), addr, err)
			}
		}
	}
}

func (n *faultNode) swarmConnect(t testing.TB, addr string) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost,
		url(t, n.RPC)+"/api/v0/swarm/connect?arg="+neturl.QueryEscape(addr), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	return err
}

// plain are the nodes for helpers that know nothing of labs.
func (l *faultLab) plain() (list []*node) {
	for _, n := range l.nodes {
		list = append(list, n.node)
	}
	return list
}

// name is how a failure names a node that its peer ID names.
func (l *faultLab) name(peer string) string {
	for i, n := range l.nodes {
		if n.Peer == peer {
			return fmt.Sprintf("node %d", i+1)
		}
	}
	return peer
}

// pause waits for a part of a fault to pass. Nothing is decided by how long it takes in truth.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
