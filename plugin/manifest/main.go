// Command manifest writes .ipfs-plugin.json, the description of the plugin for people and tools
// that install plugins. Every value is read from the source that the build uses.
//
//	go run -trimpath ./plugin/manifest > .ipfs-plugin.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/mod/modfile"

	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

// Manifest is the document.
type Manifest struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Version     string `json:"version"`
	Plugin      string `json:"plugin"` // the package that is built
	File        string `json:"file"`   // what it is built into
	Kubo        string `json:"kubo"`   // the version of Kubo that loads it
	Go          string `json:"go"`     // the version of Go that both are built with
	// of go build; a host that loads the plugin has -trimpath too
	Flags  []string `json:"flags"`
	Config string   `json:"config"`       // where Kubo's configuration has the settings
	Schema string   `json:"configSchema"` // JSON Schema of the settings
}

func main() {
	m, err := describe("go.mod")
	if err == nil {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manifest:", err)
		os.Exit(1)
	}
}

// describe reads what the module's go.mod and the plugin itself say.
func describe(gomod string) (Manifest, error) {
	b, err := os.ReadFile(gomod)
	if err != nil {
		return Manifest{}, err
	}
	mod, err := modfile.Parse(gomod, b, nil)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Name: plugin.Name, Description: "Message passing between Kubo nodes, without a cluster", Version: plugin.Version,
		Plugin: mod.Module.Mod.Path + "/plugin/so", File: "mpi.so", Go: runtime.Version(),
		Flags: []string{"-buildmode=plugin", "-trimpath"}, Config: "Plugins.Plugins." + plugin.Name + ".Config",
		Schema: "plugin/config.schema.json",
	}
	for _, r := range mod.Require {
		if r.Mod.Path == "github.com/ipfs/kubo" {
			m.Kubo = r.Mod.Version
		}
	}
	if m.Kubo == "" {
		return m, fmt.Errorf("%s does not require Kubo", gomod)
	}
	return m, nil
}
