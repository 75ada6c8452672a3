package pluginfile

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// Difference is one thing in which a plugin and an executable differ and must not.
type Difference struct {
	What   string // "Go version", a build setting, or the path of a module
	Host   string // in the executable
	Plugin string // in the plugin
}

// settings are those that change what the compiler makes of a package, with the value that stands
// for an absent one. -buildmode differs by nature; -ldflags and VCS stamps do not reach a package's
// code; flags of the C compiler do, but their paths differ harmlessly between machines.
var settings = []struct{ key, absent string }{
	{"-compiler", "gc"},
	{"-trimpath", "false"},
	{"-race", "false"},
	{"-msan", "false"},
	{"-asan", "false"},
	{"-cover", "false"},
	{"-tags", ""},
	{"-gcflags", ""},
	{"-asmflags", ""},
	{"-pgo", ""},
	{"CGO_ENABLED", "0"},
	{"GOOS", ""},
	{"GOARCH", ""},
	{"GOAMD64", ""},
	{"GOARM64", ""},
	{"GOARM", ""},
	{"GO386", ""},
	{"GOPPC64", ""},
	{"GORISCV64", ""},
	{"GOEXPERIMENT", ""},
	{"GOFIPS140", "off"},
}

// Compare lists what keeps plugin from loading into host, as far as can be told: nothing if they
// match.
func Compare(host, plugin File) []Difference {
	var diffs []Difference
	add := func(what, h, p string) {
		if h != p {
			diffs = append(diffs, Difference{what, h, p})
		}
	}
	add("Go version", host.Info.GoVersion, plugin.Info.GoVersion)
	for _, s := range settings {
		add(s.key, or(host.setting(s.key), s.absent), or(plugin.setting(s.key), s.absent))
	}
	hosts := host.modules()
	var names []string
	plugins := plugin.modules()
	for name := range plugins {
		if hosts[name] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		h, p := describeModule(host, hosts[name]), describeModule(plugin, plugins[name])
		if name == Module && host.Info.Main.Path == Module && plugin.Info.Main.Path == Module {
			// Two mains of one source tree: no sum tells them apart, versions may.
			h, p = hosts[name].Version, plugins[name].Version
		}
		add(name, h, p)
	}
	return diffs
}

func or(s, absent string) string {
	if s == "" {
		return absent
	}
	return s
}

// describeModule describes what must be equal of a module: its version, replacement and sum, and
// whether it was built in its own source tree. That gives its files other names, and so other code.
func describeModule(f File, m *debug.Module) string {
	s := short(m)
	if m.Replace != nil {
		m = m.Replace
	}
	if m.Sum != "" {
		return s + " " + m.Sum
	}
	if f.Info.Main.Path == m.Path {
		return s + " built in its own source tree"
	}
	return s
}

// Describe formats differences for a person, one to a line.
func Describe(diffs []Difference) string {
	var b strings.Builder
	for i, d := range diffs {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  %s: %s in the ipfs, %s in the plugin", d.What, or(d.Host, "none"), or(d.Plugin, "none"))
	}
	return b.String()
}
