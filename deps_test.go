// Package ipfsmpi checks what holds for the project as a whole.
package ipfsmpi

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ipfs-mpi/ipfs-mpi"

// arrows says which packages of this module a package may import, and which foreign modules are its own: no other package
// may import those. docs/architecture.md draws them.
var arrows = map[string]struct{ imports, foreign []string }{
	"mpi":                 {},
	"mpi/abi":             {},
	"mpi/datatype":        {imports: []string{"mpi/abi"}},
	"mpi/match":           {imports: []string{"mpi", "mpi/datatype"}},
	"mpi/match/matchtest": {imports: []string{"mpi", "mpi/match"}},
	"mpi/coll":            {imports: []string{"mpi/datatype", "mpi/match"}},
	"mpi/process":         {imports: []string{"mpi", "mpi/abi", "mpi/datatype", "mpi/match", "mpi/coll"}},
	"mpi/selector":        {imports: []string{"mpi"}, foreign: []string{"github.com/Masterminds/semver/"}},
	"mpi/wire":            {imports: []string{"mpi"}},
	"mpi/p2p":             {imports: []string{"mpi", "mpi/wire"}, foreign: []string{"github.com/libp2p/", "github.com/multiformats/", "github.com/ipfs/go-cid"}},
	"mpi/rendezvous":      {imports: []string{"mpi"}, foreign: []string{"github.com/libp2p/", "github.com/multiformats/", "github.com/ipfs/go-cid"}},
	"mpi/store": {imports: []string{"mpi", "mpi/selector"}, foreign: []string{
		"github.com/ipfs/boxo/", "github.com/ipfs/go-cid", "github.com/ipfs/kubo/core/coreiface", "github.com/ipfs/go-ipld-format", "github.com/multiformats/"}},
	"mpi/wasm/wasi":   {},
	"mpi/wasm/native": {foreign: []string{"github.com/bytecodealliance/wasmtime-go/"}},
	"mpi/wasm/module": {imports: []string{"mpi/abi", "mpi/wasm/wasi"}},
	"mpi/wasm":        {imports: []string{"mpi", "mpi/abi", "mpi/wasm/module", "mpi/wasm/native", "mpi/wasm/wasi"}, foreign: []string{"github.com/bytecodealliance/wasmtime-go/"}},
	"mpi/node":        {imports: []string{"mpi", "mpi/selector", "mpi/match", "mpi/process"}},
	"http":            {imports: []string{"mpi"}, foreign: []string{"github.com/fxamacker/cbor/"}},
}

// wiring are the places where everything meets.
var wiring = []string{"plugin", "plugin/so", "plugin/manifest", "cmd/loader", "mpi/abi/gen"}

func TestImportArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(pkg.ImportPath, module), "/")
		seen[name] = true
		if isWiring(name) || name == "" || strings.HasPrefix(name, "interpreters") {
			checkWiring(t, name, pkg.Imports)
			continue
		}
		rule, ok := arrows[name]
		if !ok {
			t.Errorf("package %s has no place in the architecture: add it to arrows and to docs/architecture.md", name)
			continue
		}
		for _, imp := range pkg.Imports {
			if own, ok := strings.CutPrefix(imp, module+"/"); ok {
				if !slices.Contains(rule.imports, own) {
					t.Errorf("%s imports %s: it may import only %v", name, own, rule.imports)
				}
			} else if foreign(imp) && !hasPrefix(imp, rule.foreign) && !shared(imp) {
				t.Errorf("%s imports %s, which is not its own technology: %v", name, imp, rule.foreign)
			}
		}
	}
	for name := range arrows {
		if !seen[name] {
			t.Errorf("arrows names %s, which is not there", name)
		}
	}
}

func isWiring(name string) bool {
	return slices.ContainsFunc(wiring, func(w string) bool { return name == w || w == "cmd/loader" && strings.HasPrefix(name, w+"/") })
}

// checkWiring checks what even the wiring may not do: the plugin must not import what does not build in plugin mode, the command line
// reaches a node only by its API or through the plugin but may read a module itself and compile one, and interpreters stand alone: only
// their build asks what name is valid, and the generator of mpi.h what the host provides.
func checkWiring(t *testing.T, name string, imports []string) {
	for _, imp := range imports {
		own, ours := strings.CutPrefix(imp, module+"/")
		switch {
		case strings.HasPrefix(name, "plugin") && hasPrefix(imp, []string{"github.com/ipfs/kubo/plugin/loader", "github.com/ipfs/kubo/cmd/"}):
			t.Errorf("%s imports %s, which does not build in plugin mode", name, imp)
		case strings.HasPrefix(name, "cmd/") && ours && !hasPrefix(own, []string{"plugin", "http", "cmd/loader", "mpi", "interpreters/sdk/cc"}),
			strings.HasPrefix(name, "cmd/") && ours && strings.HasPrefix(own, "mpi/") && own != "mpi/wasm/module":
			t.Errorf("%s imports %s: the command line may import only plugin, http, mpi, mpi/wasm/module, interpreters/sdk/cc and its own", name, own)
		case strings.HasPrefix(name, "interpreters") && ours && !strings.HasPrefix(own, "interpreters") &&
			name+" "+own != "interpreters/build mpi" && name+" "+own != "interpreters/sdk/mpi/gen mpi/abi":
			t.Errorf("%s imports %s: interpreters stand alone", name, own)
		}
	}
}

func foreign(imp string) bool { return strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") }

// shared are helpers near the standard library that any package but mpi may use.
func shared(imp string) bool { return strings.HasPrefix(imp, "golang.org/x/") }

func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// TestDomainIsPure checks that mpi imports the standard library alone, whatever arrows says.
func TestDomainIsPure(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "./mpi").Output()
	if err != nil {
		t.Fatal(err)
	}
	for imp := range strings.Lines(string(out)) {
		if imp = strings.TrimSpace(imp); foreign(imp) {
			t.Errorf("mpi imports %s", imp)
		}
	}
}
