package pluginfile

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// file makes a File of a Go version, settings as "key=value", and modules as "path version sum";
// the first is the main module.
func file(goVersion string, settings []string, modules ...string) File {
	info := &debug.BuildInfo{GoVersion: goVersion}
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
	}
	for i, m := range modules {
		f := append(strings.Fields(m), "", "", "")
		mod := debug.Module{Path: f[0], Version: f[1], Sum: f[2]}
		if i == 0 {
			info.Main = mod
		} else {
			info.Deps = append(info.Deps, &mod)
		}
	}
	return File{"x", info}
}

func TestCompare(t *testing.T) {
	const (
		kubo  = KuboModule + " v0.43.0 h1:kubo"
		ours  = Module + " (devel)"
		extra = "example.org/only-in-one v1.0.0 h1:one"
	)
	flags := []string{"-trimpath=true", "CGO_ENABLED=1", "GOOS=linux", "GOARCH=amd64"}
	plugin := file("go1.26.8", append(flags, "-buildmode=plugin"), ours, kubo, "example.org/x v1.2.0 h1:x", extra)
	for _, c := range []struct {
		name string
		host File
		want []string // What of each difference
	}{
		{"a stock ipfs", file("go1.26.8", append(flags, "-buildmode=exe", "-ldflags=-s"), kubo, "example.org/x v1.2.0 h1:x"), nil},
		{"ipfs-mpi", file("go1.26.8", append(flags, "-buildmode=exe"), ours, kubo, "example.org/x v1.2.0 h1:x"), nil},
		{"defaults spelled out", file("go1.26.8", append(flags, "-race=false", "-compiler=gc"), kubo), nil},
		{"another Go", file("go1.26.7", flags, kubo), []string{"Go version"}},
		{"without -trimpath", file("go1.26.8", flags[1:], kubo), []string{"-trimpath"}},
		{"without cgo, racing", file("go1.26.8", append(slices.Clone(flags[2:]), "-trimpath=true", "CGO_ENABLED=0", "-race=true"), kubo), []string{"-race", "CGO_ENABLED"}},
		{"another Kubo", file("go1.26.8", flags, KuboModule+" v0.42.0 h1:old"), []string{KuboModule}},
		{"Kubo built in its own tree", file("go1.26.8", flags, KuboModule+" v0.43.0"), []string{KuboModule}},
		{"another version of a module", file("go1.26.8", flags, kubo, "example.org/x v1.3.0 h1:y"), []string{"example.org/x"}},
		{"the same version, another sum", file("go1.26.8", flags, kubo, "example.org/x v1.2.0 h1:z"), []string{"example.org/x"}},
		{"another ipfs-mpi", file("go1.26.8", flags, Module+" v1.0.0", kubo), []string{Module}},
	} {
		var got []string
		for _, d := range Compare(c.host, plugin) {
			got = append(got, d.What)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: differs in %q, want %q", c.name, got, c.want)
		}
	}
	if got := Describe(Compare(file("go1.26.7", flags, kubo), plugin)); got != "  Go version: go1.26.7 in the ipfs, go1.26.8 in the plugin" {
		t.Errorf("described as %q", got)
	}
}

func TestCompareReplaced(t *testing.T) {
	plain := file("go1", nil, "a", "b v1.0.0 h1:b")
	fork := file("go1", nil, "a", "b v1.0.0 h1:b")
	fork.Info.Deps[0].Replace = &debug.Module{Path: "c", Version: "v1.0.0", Sum: "h1:b"}
	if got := Describe(Compare(plain, fork)); !strings.Contains(got, "replaced by c v1.0.0") {
		t.Errorf("a replaced module: %q", got)
	}
}

// What is no plugin of ours is passed over, whatever it is.
func TestInstalled(t *testing.T) {
	repo := t.TempDir()
	if found, err := Installed(repo); err != nil || found != nil {
		t.Fatalf("without a directory of plugins: %v, %v", found, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"empty": "", "script": "#!/bin/sh\n", "elf": "\x7fELF", "sub/go": string(exe)} {
		path := filepath.Join(Dir(repo), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(Dir(repo), "dangling")); err != nil {
		t.Fatal(err)
	}
	if found, err := Installed(repo); err != nil || found != nil {
		t.Fatalf("found %v, %v", found, err)
	}
}

// Copy replaces what is there, with the execute bit and without leaving anything else.
func TestCopy(t *testing.T) {
	repo := t.TempDir()
	from := filepath.Join(t.TempDir(), "mpi.so")
	for _, content := range []string{"one", "two, longer", ""} {
		if err := os.WriteFile(from, []byte(content), 0o644); err != nil { // as go build leaves it
			t.Fatal(err)
		}
		path, err := Copy(File{Path: from}, repo)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("copied %q, %v; want %q", got, err, content)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if list, err := os.ReadDir(Dir(repo)); err != nil || len(list) != 1 {
			t.Errorf("the directory holds %v, %v", list, err)
		}
	}
	if _, err := Copy(File{Path: filepath.Join(repo, "absent")}, repo); err == nil {
		t.Error("copied a file that is not there")
	}
	if list, err := os.ReadDir(Dir(repo)); err != nil || len(list) != 1 {
		t.Errorf("after a failure the directory holds %v, %v", list, err)
	}
}

// Try passes on what the host says.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	so := filepath.Join(dir, "mpi.so")
	if err := os.WriteFile(so, []byte("plugin"), 0o644); err != nil {
		t.Fatal(err)
	}
	host := func(script string) File {
		path := filepath.Join(dir, "host")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		return File{Path: path}
	}
	if err := Try(t.Context(), host(`test -x "$IPFS_PATH/plugins/mpi.so" && test "$1" = version`), File{Path: so}); err != nil {
		t.Errorf("a host that loads it: %v", err)
	}
	own := host(`test "$*" = "ipfs version"`)
	own.Info = &debug.BuildInfo{Path: loaderPackage}
	if err := Try(t.Context(), own, File{Path: so}); err != nil {
		t.Errorf("ipfs-mpi as the host: %v", err)
	}
	err := Try(t.Context(), host("echo plugin was built with a different version >&2; exit 1"), File{Path: so})
	if err == nil || !strings.Contains(err.Error(), "different version") {
		t.Errorf("a host that does not: %v", err)
	}
}

// The tag that puts a second executable into ipfs-mpi is no difference; every other tag is.
func TestOwnTag(t *testing.T) {
	tagged := func(tags string) File {
		return File{Info: &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "-tags", Value: tags}}}}
	}
	for tags, want := range map[string]int{"": 0, "onefile": 0, "onefile,bench": 1, "bench": 1} {
		if got := Compare(tagged(tags), tagged("")); len(got) != want {
			t.Errorf("-tags %q: %v", tags, got)
		}
	}
}
