package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/merkledag"
	ipath "github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/client/rpc"
	"github.com/ipfs/kubo/commands"
	"github.com/ipfs/kubo/config"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"
	"github.com/ipfs/kubo/core/corehttp"
	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/ipfs/kubo/core/coreiface/options"
	kubolibp2p "github.com/ipfs/kubo/core/node/libp2p"
	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// deadline ends a test that waits for something that never happens. No test depends on it
// otherwise.
const deadline = 60 * time.Second

// newNode is a real Kubo node with its blocks in memory: offline, or listening on the loopback
// interface without any peers.
func newNode(t *testing.T, online bool) (*core.IpfsNode, iface.CoreAPI) {
	t.Helper()
	priv, pub, err := crypto.GenerateEd25519Key(nil)
	must(t, err)
	id, err := peer.IDFromPublicKey(pub)
	must(t, err)
	raw, err := crypto.MarshalPrivateKey(priv)
	must(t, err)
	cfg, err := config.InitWithIdentity(config.Identity{PeerID: id.String(), PrivKey: base64.StdEncoding.EncodeToString(raw)})
	must(t, err)
	must(t, config.Profiles["test"].Transform(cfg))
	cfg.Datastore = config.Datastore{}
	build := &core.BuildCfg{
		Online:  online,
		Repo:    &repo.Mock{D: dssync.MutexWrap(ds.NewMapDatastore()), C: *cfg},
		Routing: kubolibp2p.NilRouterOption,
	}
	ctx, cancel := context.WithCancel(context.Background())
	node, err := core.NewNode(ctx, build)
	must(t, err)
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Errorf("closing the node: %v", err)
		}
		cancel()
	})
	api, err := coreapi.NewCoreAPI(node)
	must(t, err)
	return node, api
}

// connect connects two nodes.
func connect(t *testing.T, a, b *core.IpfsNode) {
	t.Helper()
	must(t, a.PeerHost.Connect(t.Context(), peer.AddrInfo{ID: b.Identity, Addrs: b.PeerHost.Addrs()}))
}

// overRPC is the same node through Kubo's RPC server and client.
func overRPC(t *testing.T, node *core.IpfsNode) iface.CoreAPI {
	t.Helper()
	cctx := commands.Context{
		ReqLog:        &commands.ReqLog{},
		ConstructNode: func() (*core.IpfsNode, error) { return node, nil },
	}
	// Kubo makes the API with the first request, without a lock: two at once would race.
	_, err := cctx.GetAPI()
	must(t, err)
	server := httptest.NewUnstartedServer(nil)
	mux := http.NewServeMux()
	_, err = corehttp.CommandsOption(cctx)(node, server.Listener, mux)
	must(t, err)
	server.Config.Handler = mux
	server.Start()
	t.Cleanup(server.Close)
	api, err := rpc.NewURLApiWithClient(server.URL, server.Client())
	must(t, err)
	return api
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dirTree makes a directory from a map of path to content.
func dirTree(content map[string]string) files.Directory {
	dirs := make(map[string]map[string]files.Node)
	var in func(dir string) map[string]files.Node
	in = func(dir string) map[string]files.Node {
		if dirs[dir] == nil {
			dirs[dir] = make(map[string]files.Node)
			if dir != "." {
				in(path.Dir(dir))
			}
		}
		return dirs[dir]
	}
	for name, data := range content {
		in(path.Dir(name))[path.Base(name)] = files.NewBytesFile([]byte(data))
	}
	names := make([]string, 0, len(dirs))
	for dir := range dirs {
		names = append(names, dir)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	for _, dir := range names {
		if dir != "." {
			in(path.Dir(dir))[path.Base(dir)] = files.NewMapDirectory(dirs[dir])
		}
	}
	return files.NewMapDirectory(in("."))
}

// add adds a tree as "ipfs add" does, without pinning it.
func add(t *testing.T, api iface.CoreAPI, content map[string]string) cid.Cid {
	t.Helper()
	return addNode(t, api, dirTree(content))
}

func addNode(t *testing.T, api iface.CoreAPI, n files.Node, opts ...options.UnixfsAddOption) cid.Cid {
	t.Helper()
	p, err := api.Unixfs().Add(t.Context(), n, opts...)
	must(t, err)
	return p.RootCid()
}

// at is the CID of a path below root.
func at(t *testing.T, api iface.CoreAPI, root cid.Cid, name string) cid.Cid {
	t.Helper()
	p, err := ipath.Join(ipath.FromCid(root), strings.Split(name, "/")...)
	must(t, err)
	im, _, err := api.ResolvePath(t.Context(), p)
	must(t, err)
	return version1(im.RootCid())
}

// link makes a directory block by hand, with names that no tool would write.
func link(t *testing.T, api iface.CoreAPI, data []byte, links ...*ipld.Link) cid.Cid {
	t.Helper()
	n := merkledag.NodeWithData(data)
	n.SetLinks(links)
	must(t, api.Dag().Add(t.Context(), n))
	return n.Cid()
}

func isPinned(t *testing.T, api iface.CoreAPI, c cid.Cid) bool {
	t.Helper()
	_, ok, err := api.Pin().IsPinned(t.Context(), ipath.FromCid(c), options.Pin.IsPinned.Recursive())
	must(t, err)
	return ok
}

// pinNames lists the names of all recursive pins.
func pinNames(t *testing.T, api iface.CoreAPI) []string {
	t.Helper()
	pins := make(chan iface.Pin)
	errs := make(chan error, 1)
	go func() {
		errs <- api.Pin().Ls(t.Context(), pins, options.Pin.Ls.Recursive(), options.Pin.Ls.Detailed(true))
	}()
	var names []string
	for p := range pins {
		names = append(names, p.Name())
	}
	must(t, <-errs)
	slices.Sort(names)
	return names
}

// run is a started store and what it reported.
type run struct {
	*Store
	t    *testing.T
	said chan []mpi.Interpreter
}

// start starts a store that retries at once. The test's end closes it, if the test did not.
func start(t *testing.T, api iface.CoreAPI, cfg Config) *run {
	t.Helper()
	if cfg.RetryMin == 0 {
		cfg.RetryMin, cfg.RetryMax = time.Millisecond, 20*time.Millisecond
	}
	cfg.Log = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := &run{Store: New(api, cfg), t: t, said: make(chan []mpi.Interpreter, 1000)}
	must(t, r.Start(func(list []mpi.Interpreter) { r.said <- list }))
	t.Cleanup(r.stop)
	return r
}

func (r *run) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		r.t.Error(err)
	}
}

// until waits for a status.
func (r *run) until(what string, ok func(mpi.StoreStatus) bool) mpi.StoreStatus {
	r.t.Helper()
	late := time.After(deadline)
	for {
		st, changed := r.watch()
		if ok(st) {
			return st
		}
		select {
		case <-changed:
		case <-late:
			r.t.Fatalf("%s did not come: %+v", what, st)
		}
	}
}

// serves waits until exactly these are served, and checks that the last update said the same.
func (r *run) serves(want ...string) mpi.StoreStatus {
	r.t.Helper()
	st := r.until("serving "+strings.Join(want, ", "), func(st mpi.StoreStatus) bool { return slices.Equal(texts(st.Serves), want) })
	late := time.After(deadline)
	for {
		select {
		case list := <-r.said:
			if slices.Equal(texts(list), want) {
				return st
			}
		case <-late:
			r.t.Fatal("update was not told")
		}
	}
}

func texts(list []mpi.Interpreter) []string {
	out := []string{}
	for _, i := range list {
		out = append(out, i.String())
	}
	return out
}

// skips waits until each of these paths is skipped for a reason that contains the words.
func (r *run) skips(want map[string]string) mpi.StoreStatus {
	r.t.Helper()
	return r.until(fmt.Sprintf("skipping %q", want), func(st mpi.StoreStatus) bool {
		for name, why := range want {
			if !slices.ContainsFunc(st.Skipped, func(s mpi.Skipped) bool { return s.Path == name && strings.Contains(s.Why, why) }) {
				return false
			}
		}
		return true
	})
}

// testLog writes a store's log into the test's.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// ours counts the goroutines that run code of this package other than tests.
func ours() (n int, stacks string) {
	buf := make([]byte, 1<<22)
	buf = buf[:runtime.Stack(buf, true)]
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, "/mpi/store.") && !strings.Contains(g, "/mpi/store.Test") && !strings.Contains(g, "tRunner") {
			n++
			stacks += g + "\n\n"
		}
	}
	return n, stacks
}
