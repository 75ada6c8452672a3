// Package ipfsmpi checks what holds for the project as a whole.
package ipfsmpi

import (
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ipfs-mpi/ipfs-mpi"

// rule says what packages may import besides the standard library.
type rule struct {
	packages string   // pattern of path.Match
	imports  []string // patterns of packages of this module
	foreign  []string // prefixes of modules of others
	never    []string // prefixes that foreign would allow
}

// Modules that several packages know.
const (
	kubo      = "github.com/ipfs/kubo/"
	libp2p    = "github.com/libp2p/"
	multi     = "github.com/multiformats/"
	goCID     = "github.com/ipfs/go-cid"
	semver    = "github.com/Masterminds/semver/"
	wasmtime  = "github.com/bytecodealliance/wasmtime-go/"
	goSystem  = "golang.org/x/sys/"
	humanSize = "github.com/dustin/go-humanize"
	zstandard = "github.com/klauspost/compress/zstd"
)

// rules are the arrows of docs/architecture.md. One foreign technology to a package, siblings do
// not import each other, and mpi is pure. The first rule that matches a package holds for it.
var rules = []rule{
	{packages: "mpi"},
	{packages: "mpi/frame", imports: []string{"mpi"}},
	{packages: "mpi/exec", imports: []string{"mpi"}},
	{packages: "mpi/atomicfile"},
	{packages: "mpi/backoff"},
	{packages: "mpi/near"},
	{packages: "mpi/policy", imports: []string{"mpi"}, foreign: []string{"golang.org/x/time/"}},

	// MPI, from the standard's constants up to what one rank calls.
	{packages: "mpi/abi"},
	{packages: "mpi/abi/gen"},
	{packages: "mpi/datatype", imports: []string{"mpi/abi"}},
	{packages: "mpi/buffers"},
	{packages: "mpi/burst"},
	{packages: "mpi/agree"},
	{packages: "mpi/match", imports: []string{"mpi", "mpi/exec", "mpi/frame", "mpi/abi", "mpi/agree", "mpi/buffers", "mpi/datatype"}, foreign: []string{goSystem}},
	{packages: "mpi/match/matchtest", imports: []string{"mpi", "mpi/frame", "mpi/match"}},
	{packages: "mpi/coll", imports: []string{"mpi/abi", "mpi/buffers", "mpi/datatype", "mpi/match"}},
	{packages: "mpi/process", imports: []string{
		"mpi", "mpi/exec", "mpi/abi", "mpi/datatype", "mpi/match", "mpi/coll"}},

	// What a node is made of.
	{packages: "mpi/selector", imports: []string{"mpi", "mpi/near"}, foreign: []string{semver}},
	{packages: "mpi/wire", imports: []string{"mpi", "mpi/frame"}},
	{packages: "mpi/p2p", imports: []string{"mpi", "mpi/backoff", "mpi/buffers", "mpi/frame", "mpi/wire", "mpi/policy"}, foreign: []string{libp2p, multi, goCID}},
	{packages: "mpi/rendezvous", imports: []string{"mpi", "mpi/backoff", "mpi/frame"},
		foreign: []string{libp2p, multi, goCID, "golang.org/x/time/"}},
	{packages: "mpi/store", imports: []string{"mpi", "mpi/atomicfile", "mpi/backoff", "mpi/selector"}, foreign: []string{
		"github.com/ipfs/boxo/", goCID, kubo + "core/coreiface", "github.com/ipfs/go-ipld-format", multi, "golang.org/x/"}},
	{packages: "mpi/wasm", imports: []string{
		"mpi", "mpi/atomicfile", "mpi/codecache", "mpi/exec", "mpi/abi", "mpi/wasm/module", "mpi/wasm/native", "mpi/wasm/wasi"}, foreign: []string{wasmtime, goSystem}},
	{packages: "mpi/wasm/module", imports: []string{"mpi/abi", "mpi/wasm/wasi"}},
	{packages: "mpi/wasm/native", foreign: []string{wasmtime}},
	{packages: "mpi/wasm/wasi", foreign: []string{goSystem}},
	{packages: "mpi/codecache", imports: []string{"mpi/atomicfile"}},
	{packages: "mpi/worker", imports: []string{"mpi", "mpi/backoff", "mpi/codecache", "mpi/exec", "mpi/frame", "mpi/worker/link"}, foreign: []string{goSystem}},
	{packages: "mpi/worker/link", imports: []string{"mpi", "mpi/burst", "mpi/exec", "mpi/frame"}, foreign: []string{goSystem}},
	{packages: "mpi/worker/embedded", foreign: []string{zstandard}},
	{packages: "mpi/worker/embedded/pack", imports: []string{"mpi/atomicfile"}, foreign: []string{zstandard}},
	{packages: "mpi/worker/lockdown/lockdowntest", foreign: []string{goSystem}},
	{packages: "mpi/worker/lockdown", foreign: []string{goSystem, "github.com/landlock-lsm/go-landlock/",
		"github.com/elastic/go-seccomp-bpf", "kernel.org/pub/linux/libs/security/libcap/psx"}},
	{packages: "mpi/worker/guests", imports: []string{
		"mpi", "mpi/exec", "mpi/ranks", "mpi/wasm", "mpi/worker/link", "mpi/worker/lockdown"}},
	{packages: "mpi/node", imports: []string{"mpi", "mpi/backoff", "mpi/exec", "mpi/frame", "mpi/selector", "mpi/policy"}},
	{packages: "mpi/job", imports: []string{"mpi", "mpi/atomicfile", "mpi/backoff", "mpi/exec", "mpi/frame", "mpi/policy"}},
	{packages: "mpi/ranks", imports: []string{"mpi", "mpi/buffers", "mpi/burst", "mpi/exec", "mpi/frame", "mpi/match", "mpi/process", "mpi/wire"}},
	{packages: "http", imports: []string{"mpi"}, foreign: []string{"github.com/fxamacker/cbor/", goSystem, "golang.org/x/time/"}},

	// What puts it together. The plugin must not import what does not build in plugin mode.
	{packages: "plugin", imports: []string{"http", "mpi", "mpi/*", "mpi/worker/embedded"},
		foreign: []string{kubo, libp2p, multi, "go.uber.org/fx", "github.com/ipfs/go-log/", humanSize, "github.com/prometheus/", "golang.org/x/time/", "github.com/pbnjay/memory"},
		never:   []string{kubo + "plugin/loader", kubo + "cmd/"}},
	{packages: "plugin/so", imports: []string{"plugin"}, foreign: []string{kubo + "plugin"}, never: []string{kubo + "plugin/loader"}},
	{packages: "plugin/manifest", imports: []string{"plugin"}, foreign: []string{"golang.org/x/mod/"}},

	// The command reaches a node by its API or through the plugin. It may read a module and compile
	// one.
	{packages: "cmd/loader", imports: []string{"cmd/loader/internal/*", "http", "mpi", "mpi/abi", "mpi/near", "mpi/wasm/module", "plugin", "sdk/cc"},
		foreign: []string{"github.com/ipfs/kubo", libp2p, "github.com/ipfs/go-ipfs-cmds", "github.com/spf13/", humanSize}},
	// It replaces the process before other packages are initialised, so it imports none of them.
	{packages: "cmd/loader/internal/handover"},
	{packages: "cmd/loader/internal/sidecar", imports: []string{"mpi/atomicfile", "mpi/backoff", "plugin"}, foreign: []string{kubo + "client/rpc", libp2p, multi}},
	{packages: "cmd/loader/internal/cluster", foreign: []string{
		kubo + "client/rpc", kubo + "config", kubo + "core/coreiface/options", libp2p, multi}},
	{packages: "cmd/loader/internal/*", imports: []string{
		"cmd/loader/internal/terminal", "http", "mpi", "mpi/atomicfile", "mpi/backoff"}, foreign: []string{goSystem}},

	// The worker is small, and has nothing of Kubo: see TestWorkerIsSmall.
	{packages: "cmd/worker", imports: []string{"mpi/worker/link", "mpi/worker/guests", "mpi/worker/lockdown"}, foreign: []string{goSystem}},

	// What runs in guests stands alone; what builds it knows the compilers.
	{packages: "sdk"},
	{packages: "sdk/cc", imports: []string{"sdk", "mpi/abi", "mpi/wasm/module"}},
	{packages: "sdk/handler"},
	{packages: "sdk/mpi", imports: []string{"sdk/mpi/raw"}},
	{packages: "sdk/mpi/raw"},
	{packages: "sdk/mpi/gen", imports: []string{"mpi/abi"}},
	{packages: "interpreters/build", imports: []string{"mpi", "mpi/atomicfile", "sdk/cc"}, foreign: []string{semver}},
	{packages: "interpreters"},
	{packages: "interpreters/*/*", imports: []string{"sdk/handler", "sdk/mpi"}},

	{packages: "test/simnet", foreign: []string{libp2p, multi}},
	{packages: "test/netlab", foreign: []string{goSystem}},
	{packages: "test/*", imports: []string{"mpi", "mpi/*", "mpi/match/matchtest", "mpi/wasm/wasi", "sdk/cc"}},
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	used := make([]bool, len(rules))
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(pkg.ImportPath, module+"/")
		if !ok {
			continue // this one
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return match(t, r.packages, name) })
		if i < 0 {
			t.Errorf("package %s has no place in the architecture: add a rule, and draw it in docs/architecture.md", name)
			continue
		}
		used[i] = true
		for _, imp := range pkg.Imports {
			rules[i].check(t, name, imp)
		}
	}
	for i, r := range rules {
		if !used[i] {
			t.Errorf("there is no package for the rule of %s", r.packages)
		}
	}
}

// TestWorkerIsSmall holds that the process in which guests run links neither Kubo nor libp2p, nor
// an HTTP server or client, also not by way of other packages.
func TestWorkerIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/worker").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		for _, never := range []string{"github.com/ipfs/", libp2p, multi, module + "/plugin", module + "/http", "net/http"} {
			if strings.HasPrefix(name, never) {
				t.Errorf("the worker links %s", name)
			}
		}
	}
}

// TestCommandLineIsSmall holds that the part of ipfs-mpi for commands which need no Kubo links
// nothing that takes long to initialise, and that the package which starts it imports nothing that
// would delay it.
func TestCommandLineIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-tags", "nokubo", "-deps", "./cmd/loader").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if name == module+"/plugin" || strings.HasPrefix(name, "github.com/ipfs/") && name != goCID ||
			strings.HasPrefix(name, libp2p) && !strings.HasPrefix(name, libp2p+"go-libp2p/core/") && name != libp2p+"go-buffer-pool" {
			t.Errorf("the command line without Kubo links %s", name)
		}
	}
	out, err = exec.Command("go", "list", "-e", "-tags", "onefile", "-f", `{{join .Imports " "}}`, "./cmd/loader/internal/handover").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if !slices.Contains([]string{"embed", "runtime", "syscall", "unsafe"}, name) {
			t.Errorf("package handover imports %s", name)
		}
	}
}

func (r rule) check(t *testing.T, name, imp string) {
	if own, ok := strings.CutPrefix(imp, module+"/"); ok {
		if !slices.ContainsFunc(r.imports, func(p string) bool { return match(t, p, own) }) {
			t.Errorf("%s imports %s: of this module it may import %v", name, own, r.imports)
		}
		return
	}
	standard := !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".")
	begins := func(prefix string) bool { return strings.HasPrefix(imp, prefix) }
	if !standard && (!slices.ContainsFunc(r.foreign, begins) || slices.ContainsFunc(r.never, begins)) {
		t.Errorf("%s imports %s: of other modules it may import %v, but not %v", name, imp, r.foreign, r.never)
	}
}

func match(t *testing.T, pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}
