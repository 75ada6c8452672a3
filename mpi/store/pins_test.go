package store

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ipath "github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	iface "github.com/ipfs/kubo/core/coreiface"
	"github.com/ipfs/kubo/core/coreiface/options"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// publish points the node's own name at a store.
func publish(t *testing.T, api iface.CoreAPI, root cid.Cid) string {
	t.Helper()
	name, err := api.Name().Publish(t.Context(), ipath.FromCid(root), options.Name.AllowOffline(true))
	must(t, err)
	return "/ipns/" + name.String()
}

func (r *run) pins(api iface.CoreAPI, want ...string) {
	r.t.Helper()
	for i := range want {
		want[i] = "ipfs-mpi " + want[i]
	}
	r.until("pins", func(mpi.StoreStatus) bool { return slices.Equal(pinNames(r.t, api), want) })
}

func TestUnusedPinsAreKeptForAWhile(t *testing.T) {
	node, inProcess := newNode(t, false)
	for name, api := range map[string]iface.CoreAPI{"in process": inProcess, "over RPC": overRPC(t, node)} {
		t.Run(name, func(t *testing.T) {
			first := add(t, inProcess, interpreters("a/1.0.0", "b/1.0.0"))
			second := add(t, inProcess, interpreters("b/1.0.0", "c/1.0.0"))
			clock := time.Unix(1_000_000, 0)
			cfg := Config{Path: first.String(), StateFile: filepath.Join(t.TempDir(), "store.json"), KeepUnused: time.Hour, now: func() time.Time { return clock }}

			r := start(t, api, cfg)
			r.serves("a/1.0.0", "b/1.0.0")
			r.pins(inProcess, "a/1.0.0", "b/1.0.0")
			r.stop()

			cfg.Path = second.String()
			r = start(t, api, cfg) // unused from now on
			r.serves("b/1.0.0", "c/1.0.0")
			r.pins(inProcess, "a/1.0.0", "b/1.0.0", "c/1.0.0")
			r.stop()

			clock = clock.Add(59 * time.Minute)
			r = start(t, api, cfg)
			r.serves("b/1.0.0", "c/1.0.0")
			r.pins(inProcess, "a/1.0.0", "b/1.0.0", "c/1.0.0")
			r.stop()

			clock = clock.Add(time.Minute)
			r = start(t, api, cfg)
			r.serves("b/1.0.0", "c/1.0.0")
			r.pins(inProcess, "b/1.0.0", "c/1.0.0")
			r.stop()

			cfg.Path, cfg.KeepUnused = "", 0 // no store configured
			r = start(t, api, cfg)
			r.pins(inProcess)
			r.until("nothing kept", func(st mpi.StoreStatus) bool { return st.Bytes == 0 })
			r.stop()
			st, err := loadState(cfg.StateFile)
			must(t, err)
			if len(st.Pins) != 0 {
				t.Errorf("the state file still has %v", st.Pins)
			}
		})
	}
}

func TestAUsersPinIsNotRemoved(t *testing.T) {
	node, api := newNode(t, false)
	root := add(t, api, interpreters("a/1.0.0", "b/1.0.0"))
	theirs := at(t, api, root, "a/1.0.0")
	must(t, api.Pin().Add(t.Context(), ipath.FromCid(theirs), options.Pin.Name("mine")))
	cfg := Config{Path: root.String(), StateFile: filepath.Join(t.TempDir(), "store.json")}
	for name, api := range map[string]iface.CoreAPI{"in process": api, "over RPC": overRPC(t, node)} {
		t.Run(name, func(t *testing.T) {
			cfg.Path = root.String()
			r := start(t, api, cfg)
			r.serves("a/1.0.0", "b/1.0.0")
			r.stop()
			cfg.Path = ""
			r = start(t, api, cfg)
			r.until("unpinning", func(mpi.StoreStatus) bool { return !isPinned(t, api, at(t, api, root, "b/1.0.0")) })
			r.stop()
			if names := pinNames(t, api); !slices.Equal(names, []string{"mine"}) {
				t.Errorf("pinned are %q", names)
			}
		})
	}
}

func TestAPinThatSomebodyRemovedIsMadeAgain(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, interpreters("a/1.0.0"))
	c := at(t, api, root, "a/1.0.0")
	r := start(t, api, Config{Path: root.String(), Resolve: 10 * time.Millisecond})
	r.serves("a/1.0.0")
	must(t, api.Pin().Rm(t.Context(), ipath.FromCid(c)))
	r.pins(api, "a/1.0.0")
	if st := r.Status(); len(st.Serves) != 1 {
		t.Errorf("served are %v", st.Serves)
	}
}

func TestMaxStorePrefersNewerVersions(t *testing.T) {
	_, api := newNode(t, false)
	content := make(map[string]string)
	for _, name := range []string{"a/1.0.0", "a/2.0.0", "b/1.0.0", "b/1.1.0", "c/0.1.0"} {
		content[name+"/run.wasm"] = strings.Repeat(name, 2000) // 14 kB
	}
	content["huge/1.0.0/run.wasm"] = strings.Repeat("x", 100_000)
	r := start(t, api, Config{Path: add(t, api, content).String(), MaxStore: 60_000})
	r.serves("a/1.0.0", "a/2.0.0", "b/1.1.0", "c/0.1.0")
	r.pins(api, "a/1.0.0", "a/2.0.0", "b/1.1.0", "c/0.1.0")
	st := r.skips(map[string]string{"b/1.0.0": "does not fit", "huge/1.0.0": "MaxStore is 58.6 KiB"})
	if st.Bytes < 4*14_000 || st.Bytes > 60_000 {
		t.Errorf("%d bytes are pinned", st.Bytes)
	}
}

func TestMaxStoreMakesRoomWithoutAGapInService(t *testing.T) {
	_, api := newNode(t, false)
	release := func(versions ...string) cid.Cid {
		content := make(map[string]string)
		for _, v := range versions {
			content["a/"+v+"/run.wasm"] = strings.Repeat(v, 3000) // 15 kB
		}
		return add(t, api, content)
	}
	one := release("1.0.0")
	two := release("1.0.0", "2.0.0")
	lost := at(t, api, two, "a/2.0.0/run.wasm")
	n, err := api.Dag().Get(t.Context(), lost)
	must(t, err)
	must(t, api.Block().Rm(t.Context(), ipath.FromCid(lost)))

	r := start(t, api, Config{Path: publish(t, api, one), MaxStore: 20_000, KeepUnused: time.Hour, Resolve: 10 * time.Millisecond})
	r.serves("a/1.0.0")
	publish(t, api, two)
	r.skips(map[string]string{"a/2.0.0": "cannot be had now"})
	if st := r.Status(); !slices.Equal(texts(st.Serves), []string{"a/1.0.0"}) {
		t.Errorf("while 2.0.0 is missing, served are %v", st.Serves)
	}
	must(t, api.Dag().Add(t.Context(), n))
	r.serves("a/2.0.0")
	r.pins(api, "a/2.0.0")
	r.skips(map[string]string{"a/1.0.0": "does not fit"})
}

func TestAStoreThatLiesAboutItsSizeDoesNotGetPastMaxStore(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, map[string]string{"a/1.0.0/run.wasm": strings.Repeat("x", 50_000), "b/1.0.0/run.wasm": "small"})
	liar := dirOf(t, api, map[string]cid.Cid{
		// dirOf claims sizes of 0
		"a": dirOf(t, api, map[string]cid.Cid{"1.0.0": at(t, api, root, "a/1.0.0")}),
		"b": at(t, api, root, "b"),
	})
	r := start(t, api, Config{Path: liar.String(), MaxStore: 20_000})
	r.serves("b/1.0.0")
	r.skips(map[string]string{"a/1.0.0": "does not fit"})
	r.pins(api, "b/1.0.0")
}

func TestStateFileIsWrittenBeforeThePin(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, interpreters("a/1.0.0"))
	dir := t.TempDir()
	// a file where a directory is needed
	must(t, os.WriteFile(filepath.Join(dir, "mpi"), nil, 0o600))
	r := start(t, api, Config{Path: root.String(), StateFile: filepath.Join(dir, "mpi", "store.json")})
	st := r.skips(map[string]string{"a/1.0.0": "mpi"})
	if len(st.Serves) != 0 || len(pinNames(t, api)) != 0 {
		t.Errorf("served %v, pinned %q", st.Serves, pinNames(t, api))
	}
	must(t, os.Remove(filepath.Join(dir, "mpi")))
	r.serves("a/1.0.0")
	r.until("no error", func(st mpi.StoreStatus) bool { return st.Error == "" })
}

func TestARestartWithoutNetworkServesWhatIsPinned(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, interpreters("a/1.0.0", "b/1.0.0"))
	b := at(t, api, root, "b")
	for name, path := range map[string]string{"by name": publish(t, api, root), "by CID": root.String()} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Path: path, StateFile: filepath.Join(t.TempDir(), "store.json")}
			r := start(t, api, cfg)
			r.serves("a/1.0.0", "b/1.0.0")
			r.stop()

			// Only what is pinned survives a garbage collection.
			var lost []ipld.Node
			for _, c := range []cid.Cid{version1(root), b} {
				n, err := api.Dag().Get(t.Context(), c)
				must(t, err)
				lost = append(lost, n)
				must(t, api.Block().Rm(t.Context(), ipath.FromCid(c)))
			}
			r = start(t, api, cfg)
			r.serves("a/1.0.0", "b/1.0.0")
			if st := r.until("an error", func(st mpi.StoreStatus) bool { return st.Error != "" }); st.Root != canonical(root) || len(st.Serves) != 2 {
				t.Errorf("status is %+v", st)
			}
			must(t, api.Dag().Add(t.Context(), lost[0])) // b is still missing
			r.until("b missing", func(st mpi.StoreStatus) bool { return strings.Contains(st.Error, "reading b") && len(st.Serves) == 2 })
			must(t, api.Dag().Add(t.Context(), lost[1]))
			r.until("no error", func(st mpi.StoreStatus) bool { return st.Error == "" && len(st.Serves) == 2 })
			r.pins(api, "a/1.0.0", "b/1.0.0")
			r.stop()
			cfg.Path = ""
			r = start(t, api, cfg)
			r.pins(api)
		})
	}
}

func TestABrokenStateFileStandsAside(t *testing.T) {
	_, api := newNode(t, false)
	root := add(t, api, interpreters("a/1.0.0"))
	valid := `{"format":1,"pins":{"` + root.String() + `":{"name":"a/1.0.0","size":1}}}`
	for name, content := range map[string]string{
		"empty": "", "no json": "{", "format": `{"format":2}`, "cid": `{"format":1,"pins":{"x":{}}}`,
		"null": strings.Replace(valid, `{"name":"a/1.0.0","size":1}`, "null", 1), "size": strings.Replace(valid, ":1}", ":-1}", 1),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "store.json")
			must(t, os.WriteFile(file, []byte(content), 0o600))
			r := start(t, api, Config{Path: root.String(), StateFile: file})
			r.serves("a/1.0.0")
			aside, err := os.ReadFile(file + ".damaged")
			must(t, err)
			if string(aside) != content {
				t.Errorf("aside stands %q", aside)
			}
		})
	}
}

func TestStateSurvivesItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "er", "store.json")
	fresh, err := loadState(file)
	must(t, err)
	const c = "bafkqaaa"
	fresh.Path, fresh.Root = "/ipns/x", c
	fresh.Pins[c] = &record{Name: "a/1.0.0", Size: 7, Unused: time.Unix(5, 0).UTC()}
	must(t, fresh.save(file))
	again, err := loadState(file)
	must(t, err)
	was, _ := json.Marshal(fresh)
	is, _ := json.Marshal(again)
	if string(was) != string(is) {
		t.Errorf("%s became %s", was, is)
	}
	if list, _ := os.ReadDir(filepath.Dir(file)); len(list) != 1 {
		t.Errorf("files left: %v", list)
	}
}
