package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ipath "github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

func interpreters(names ...string) map[string]string {
	content := make(map[string]string)
	for _, name := range names {
		content[name+"/run.wasm"] = "program of " + name
	}
	return content
}

func TestServesWhatIsThere(t *testing.T) {
	node, api := newNode(t, false)
	root := add(t, api, interpreters("echo/1.0.0", "echo/1.1.0-rc.1", "relay/0.1.0"))
	outer := dirOf(t, api, map[string]cid.Cid{"deep": dirOf(t, api, map[string]cid.Cid{"down": root})})
	for name, path := range map[string]string{
		"path":      "/ipfs/" + root.String(),
		"slash":     "/ipfs/" + root.String() + "/",
		"bare":      root.String(),
		"seed":      root.String() + "/",
		"version 1": "/ipfs/" + version1(root).String(),
		"below":     outer.String() + "/deep/down/",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, api, Config{Path: path})
			st := r.serves("echo/1.0.0", "echo/1.1.0-rc.1", "relay/0.1.0")
			if st.Root != canonical(root) || st.Error != "" || st.Path != path {
				t.Errorf("status is %+v", st)
			}
			if c := st.Serves[0].CID; c != canonical(at(t, api, root, "echo/1.0.0")) {
				t.Errorf("the CID of echo/1.0.0 is %s", c)
			}
		})
	}
	t.Run("over RPC", func(t *testing.T) {
		r := start(t, overRPC(t, node), Config{Path: root.String()})
		r.serves("echo/1.0.0", "echo/1.1.0-rc.1", "relay/0.1.0")
	})
}

func TestServeSelects(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, interpreters("echo/1.0.0", "echo/2.0.0", "echo/2.1.0-rc.1", "relay/0.1.0", "relay/0.2.0", "other/1.0.0"))
	var serve []selector.Selector
	for _, s := range []string{"echo", "relay/0.1.0"} {
		sel, err := selector.Parse(s)
		must(t, err)
		serve = append(serve, sel)
	}
	r := start(t, api, Config{Path: root.String(), Serve: serve})
	r.serves("echo/1.0.0", "echo/2.0.0", "relay/0.1.0")
	r.skips(map[string]string{"other/1.0.0": "Serve", "relay/0.2.0": "Serve", "echo/2.1.0-rc.1": "Serve"})
	if names := pinNames(t, api); len(names) != 3 {
		t.Errorf("pinned are %q", names)
	}
}

func TestJunkIsSkippedWithAReason(t *testing.T) {
	_, api := newNode(t, false)
	content := interpreters("echo/1.0.0", "echo/1.0", "echo/v2.0.0", "echo/latest", ".git/1.0.0", "we ird/1.0.0", "-x/1.0.0")
	content["README.md"] = "hello"
	content["echo/notes.txt"] = "hello"
	content["echo/3.0.0"] = "a file"
	content["none/1.0.0/main.wasm"] = "no run.wasm"
	content["dir/1.0.0/run.wasm/x"] = "run.wasm is a directory"
	content["empty/1.0.0/run.wasm"] = ""
	content["init/1.0.0/run.wasm"] = "fine"
	content["init/1.0.0/init.wasm/x"] = "init.wasm is a directory"
	content["large/1.0.0/run.wasm"] = strings.Repeat("x", 5000)
	r := start(t, api, Config{Path: add(t, api, content).String(), MaxProgram: 4096})
	r.skips(map[string]string{
		"README.md": "not a directory", "echo/notes.txt": "not a semantic version", "echo/1.0": "not a semantic version",
		"echo/v2.0.0": "not a semantic version", "echo/latest": "not a semantic version", "echo/3.0.0": "not a directory",
		".git": "not a name", "we ird": "not a name", "-x": "not a name", "none/1.0.0": "no run.wasm", "dir/1.0.0": "not a file",
		"empty/1.0.0": "is empty", "init/1.0.0": "init.wasm is not a file", "large/1.0.0": "at most 4096 bytes",
	})
	r.serves("echo/1.0.0")
	if names := pinNames(t, api); len(names) != 1 || names[0] != "ipfs-mpi echo/1.0.0" {
		t.Errorf("pinned are %q", names)
	}
}

func TestNoStore(t *testing.T) {
	_, api := newNode(t, false)
	c := at(t, api, add(t, api, interpreters("echo/1.0.0")), "echo/1.0.0")
	r := start(t, api, Config{})
	b, err := r.Open(t.Context(), canonical(c))
	must(t, err)
	if string(b.Run) != "program of echo/1.0.0" {
		t.Errorf("run.wasm is %q", b.Run)
	}
	if st := r.Status(); st.Error != "" || st.Serves == nil || len(st.Serves) != 0 {
		t.Errorf("status is %+v", st)
	}
}

func TestStartRefusesABadConfiguration(t *testing.T) {
	for _, cfg := range []Config{{Path: "/ipld/x"}, {Path: "not a cid"}, {MaxStore: -1}, {KeepUnused: -1}} {
		s := New(nil, cfg)
		if err := s.Start(nil); err == nil {
			t.Errorf("%+v: started", cfg)
		}
		must(t, s.Close(t.Context()))
	}
}

func TestCloseIsIdempotentAndLeavesNothing(t *testing.T) {
	_, api := newNode(t, true) // online: a missing block is waited for
	root := add(t, api, interpreters("echo/1.0.0", "gone/1.0.0", "away/1.0.0"))
	for _, name := range []string{"gone/1.0.0", "away"} {
		must(t, api.Block().Rm(t.Context(), ipath.FromCid(at(t, api, root, name))))
	}
	file := filepath.Join(t.TempDir(), "mpi", "store.json")
	r := start(t, api, Config{Path: root.String(), StateFile: file})
	r.serves("echo/1.0.0") // while the others are still fetched
	b, err := r.Open(t.Context(), r.Status().Serves[0].CID)
	must(t, err)
	r.stop()
	r.stop()
	if n, stacks := ours(); n != 0 {
		t.Errorf("%d goroutines are left:\n%s", n, stacks)
	}
	if _, err := b.Files.Open("run.wasm"); err == nil {
		t.Error("files are read after Close")
	}
	if _, err := r.Open(t.Context(), canonical(root)); err == nil {
		t.Error("Open works after Close")
	}
	if err := r.Start(nil); err == nil {
		t.Error("Start works after Close")
	}
	list, err := os.ReadDir(filepath.Dir(file))
	must(t, err)
	if len(list) != 1 || list[0].Name() != "store.json" {
		t.Errorf("files left: %v", list)
	}
	if info, _ := list[0].Info(); info.Mode().Perm() != 0o600 {
		t.Errorf("the state file's mode is %s", info.Mode())
	}
}

func TestCloseBeforeStart(t *testing.T) {
	s := New(nil, Config{})
	must(t, s.Close(t.Context()))
	if err := s.Start(nil); err == nil {
		t.Error("Start works after Close")
	}
}

func TestIPNSChangesAreAppliedLive(t *testing.T) {
	_, api := newNode(t, false)
	publish := func(content map[string]string) string {
		name, err := api.Name().Publish(t.Context(), ipath.FromCid(add(t, api, content)), options.Name.AllowOffline(true))
		must(t, err)
		return name.String()
	}
	name := publish(interpreters("stores/echo/1.0.0", "stores/relay/1.0.0"))
	r := start(t, api, Config{Path: "/ipns/" + name + "/stores", Resolve: 20 * time.Millisecond, KeepUnused: time.Hour})
	r.serves("echo/1.0.0", "relay/1.0.0")
	publish(interpreters("stores/echo/1.0.0", "stores/echo/1.1.0"))
	r.serves("echo/1.0.0", "echo/1.1.0")
	if names := pinNames(t, api); len(names) != 3 {
		t.Errorf("pinned are %q", names)
	}
	publish(interpreters("elsewhere/echo/1.0.0")) // a wrong path: what is served stays
	st := r.until("an error", func(st mpi.StoreStatus) bool { return st.Error != "" })
	if len(st.Serves) != 2 || !strings.Contains(st.Error, "stores") {
		t.Errorf("status is %+v", st)
	}
	publish(interpreters("stores/relay/1.0.0"))
	if st := r.serves("relay/1.0.0"); st.Error != "" {
		t.Errorf("error is %s", st.Error)
	}
}

func TestWhatIsMissingIsFetchedWhenItComes(t *testing.T) {
	farNode, far := newNode(t, true)
	nearNode, near := newNode(t, true)
	root := add(t, far, interpreters("echo/1.0.0", "relay/1.0.0"))
	r := start(t, near, Config{Path: root.String(), Timeout: time.Second})
	r.until("an error", func(st mpi.StoreStatus) bool { return strings.Contains(st.Error, "nobody gave block") })
	connect(t, nearNode, farNode)
	if st := r.serves("echo/1.0.0", "relay/1.0.0"); st.Error != "" {
		t.Errorf("error is %s", st.Error)
	}
	if !isPinned(t, near, at(t, near, root, "echo/1.0.0")) {
		t.Error("not pinned")
	}
}

func TestOneMissingBlockDoesNotHoldUpTheRest(t *testing.T) {
	_, api := newNode(t, true)
	content := interpreters("echo/1.0.0", "broken/1.0.0", "b2/1.0.0", "b3/1.0.0", "b4/1.0.0", "b5/1.0.0", "noname/1.0.0", "zeta/1.0.0")
	root := add(t, api, content)
	var saved [][]byte
	for _, name := range []string{"broken/1.0.0/run.wasm", "b2/1.0.0", "b3/1.0.0", "b4/1.0.0/run.wasm", "b5/1.0.0", "noname"} {
		p := ipath.FromCid(at(t, api, root, name))
		n, err := api.Dag().Get(t.Context(), p.RootCid())
		must(t, err)
		saved = append(saved, n.RawData())
		must(t, api.Block().Rm(t.Context(), p))
	}
	r := start(t, api, Config{Path: root.String(), Timeout: 50 * time.Millisecond, RetryMax: 50 * time.Millisecond})
	r.serves("echo/1.0.0", "zeta/1.0.0")
	r.skips(map[string]string{"broken/1.0.0": "nobody gave block", "b5/1.0.0": "nobody gave block"})
	if st := r.Status(); !strings.Contains(st.Error, "noname") {
		t.Errorf("error is %q", st.Error)
	}
	for i, data := range saved {
		fmtOpt := options.Block.CidCodec("dag-pb")
		_, err := api.Block().Put(t.Context(), strings.NewReader(string(data)), fmtOpt)
		if err != nil {
			t.Fatal(i, err)
		}
	}
	st := r.serves("b2/1.0.0", "b3/1.0.0", "b4/1.0.0", "b5/1.0.0", "broken/1.0.0", "echo/1.0.0", "noname/1.0.0", "zeta/1.0.0")
	if st.Error != "" || len(st.Skipped) != 0 {
		t.Errorf("status is %+v", st)
	}
}

func TestContextEndsOpen(t *testing.T) {
	_, api := newNode(t, true)
	root := add(t, api, interpreters("echo/1.0.0"))
	run := at(t, api, root, "echo/1.0.0/run.wasm")
	must(t, api.Block().Rm(t.Context(), ipath.FromCid(run)))
	s := New(api, Config{})
	defer s.Close(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	go func() {
		_, err := s.Open(ctx, canonical(at(t, api, root, "echo/1.0.0")))
		errs <- err
	}()
	cancel()
	if err := <-errs; err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error is %v", err)
	}
}

// A program that was added can be opened by its CID, and is kept like an interpreter that is no
// longer served.
func TestAdd(t *testing.T) {
	node, inProcess := newNode(t, false)
	for name, api := range map[string]iface.CoreAPI{"in process": inProcess, "over RPC": overRPC(t, node)} {
		t.Run(name, func(t *testing.T) {
			clock := time.Unix(1_000_000, 0)
			cfg := Config{StateFile: filepath.Join(t.TempDir(), "store.json"), KeepUnused: time.Hour, MaxProgram: 1000, now: func() time.Time { return clock }}
			r := start(t, api, cfg)
			wasm := []byte("\x00asm of " + name)
			c, err := r.Add(t.Context(), wasm)
			must(t, err)
			again, err := r.Add(t.Context(), wasm)
			if err != nil || again != c {
				t.Errorf("added again it is %s, %v; it was %s", again, err, c)
			}
			b, err := r.Open(t.Context(), c)
			if err != nil || string(b.Run) != string(wasm) {
				t.Errorf("opened, it is %q, %v", b.Run, err)
			}
			if st := r.Status(); len(st.Serves) != 0 {
				t.Errorf("it is served: %v", st.Serves)
			}
			r.pins(inProcess, "program")
			r.stop()
			clock = clock.Add(time.Hour)
			r = start(t, api, cfg)
			r.pins(inProcess)
			if _, err := r.Add(t.Context(), make([]byte, 1001)); err == nil {
				t.Error("a program over the limit is taken")
			}
			r.stop()
		})
	}
}
