// Command empty is a Kubo plugin that does nothing: what any plugin costs, to compare ours with.
// Build it with -buildmode=plugin.
package main

import kuboplugin "github.com/ipfs/kubo/plugin"

type empty struct{}

func (empty) Name() string                       { return "empty" }
func (empty) Version() string                    { return "0.0.0" }
func (empty) Init(*kuboplugin.Environment) error { return nil }

// Plugins is what Kubo looks up.
var Plugins = []kuboplugin.Plugin{empty{}}

func main() {}
