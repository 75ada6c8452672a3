// Package pluginfile tells whether a Go plugin will load into a given executable, from what the Go
// linker wrote into both, and installs it where Kubo looks.
//
// The Go runtime loads a plugin only if every package that it shares with the executable was
// compiled from the same source by the same compiler with the same flags. What debug/buildinfo
// reads of a file (Go's version, build settings, module versions and sums) does not prove that, but
// when a load fails it tells why.
package pluginfile

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// Module is the path of our module, and KuboModule that of Kubo.
const (
	Module     = "github.com/ipfs-mpi/ipfs-mpi"
	KuboModule = "github.com/ipfs/kubo"
)

// The main packages of mpi.so and ipfs-mpi.
const (
	pluginPackage = Module + "/plugin/so"
	loaderPackage = Module + "/cmd/loader"
)

// File is an executable or plugin that Go built.
type File struct {
	Path string
	Info *debug.BuildInfo
}

// Read reads what the Go linker wrote into a file.
func Read(path string) (File, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("%s: not a file that Go built: %w", path, err)
	}
	return File{path, info}, nil
}

// Self is the running executable.
func Self() (File, error) {
	path, err := os.Executable()
	if err != nil {
		return File{}, err
	}
	return Read(path)
}

// IsPlugin reports whether the file is an mpi plugin, of any version.
func (f File) IsPlugin() bool {
	return f.Info.Path == pluginPackage && f.setting("-buildmode") == "plugin"
}

// IsKubo reports whether the file is an executable with Kubo in it.
func (f File) IsKubo() bool {
	if f.setting("-buildmode") == "plugin" {
		return false
	}
	_, ok := f.modules()[KuboModule]
	return ok
}

func (f File) setting(key string) string {
	for _, s := range f.Info.Settings {
		switch {
		case s.Key != key:
		case key == "-tags":
			return withoutOwnTag(s.Value)
		default:
			return s.Value
		}
	}
	return ""
}

// withoutOwnTag leaves out of a list of build tags the one that puts the command line without Kubo
// into ipfs-mpi. No package that a plugin shares with an executable knows it.
func withoutOwnTag(tags string) string {
	list := strings.Split(tags, ",")
	return strings.Join(slices.DeleteFunc(list, func(tag string) bool { return tag == "onefile" }), ",")
}

// Dir is where Kubo looks for plugins.
func Dir(repo string) string { return filepath.Join(repo, "plugins") }

// Installed finds the mpi plugins that Kubo would load from a repository: like Kubo it looks at
// executable files in the directory of plugins and below it.
func Installed(repo string) ([]File, error) {
	var found []File
	err := filepath.WalkDir(Dir(repo), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&0o111 == 0 || !looksBuilt(path) {
			return nil // Kubo passes it over, or it is none of ours
		}
		f, err := Read(path)
		if err == nil && f.IsPlugin() {
			found = append(found, f)
		}
		return nil
	})
	return found, err
}

// looksBuilt checks the first bytes for a format that Go builds. Reading the build info of any
// other file would search all of it.
func looksBuilt(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.Read(magic[:]); err != nil {
		return false
	}
	switch string(magic[:]) {
	case "\x7fELF", "\xcf\xfa\xed\xfe", "\xfe\xed\xfa\xcf":
		return true
	}
	return false
}

// modules is every module in the file, by path.
func (f File) modules() map[string]*debug.Module {
	all := map[string]*debug.Module{}
	if f.Info.Main.Path != "" {
		all[f.Info.Main.Path] = &f.Info.Main
	}
	for _, m := range f.Info.Deps {
		all[m.Path] = m
	}
	return all
}

// Version is the version of one module in the file, or "".
func (f File) Version(module string) string {
	m := f.modules()[module]
	if m == nil {
		return ""
	}
	return m.Version
}

// short is a version as messages show it.
func short(m *debug.Module) string {
	s := m.Version
	if s == "" {
		s = "(no version)"
	}
	if r := m.Replace; r != nil {
		s += " replaced by " + strings.TrimSpace(r.Path+" "+r.Version)
	}
	return s
}
