// Command so is mpi.so, the plugin that a stock ipfs loads from $IPFS_PATH/plugins. Build it with
// -buildmode=plugin -trimpath (make build does).
//
// It must not import plugin/loader or cmd/ipfs/kubo of Kubo: they bring in an assembly file that
// does not assemble in plugin mode.
package main

import (
	kuboplugin "github.com/ipfs/kubo/plugin"

	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

// Plugins is what Kubo looks up in the loaded file.
var Plugins []kuboplugin.Plugin = plugin.Plugins

func main() {}
