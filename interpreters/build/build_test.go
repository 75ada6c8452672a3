package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module writes a module with the given files and makes it the working directory.
func module(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	files = maps.Clone(files)
	files["go.mod"] = "module example.com/store\n\ngo 1.26\n"
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// build runs the program and returns what it reports: "built NAME/VERSION, …", sorted.
func build(t *testing.T, args ...string) (report string, err error) {
	t.Helper()
	var out, stderr bytes.Buffer
	err = run(context.Background(), args, &out, &stderr)
	var lines []string
	for line := range strings.Lines(out.String()) {
		name, what, _ := strings.Cut(line, ": ")
		what, _, _ = strings.Cut(what, " ")
		lines = append(lines, what+" "+name)
	}
	slices.Sort(lines)
	return strings.Join(lines, ", "), err
}

const (
	goMain  = "package main\n\nfunc main() { println(1) }\n"
	cMain   = "#include <unistd.h>\n#include \"sdk.h\"\nint main(void) { return write(1, __FILE__, SIZE) < 0; }\n"
	cHeader = "#define SIZE 1\n"
)

var sources = map[string]string{
	"interpreters/build/x.txt":               "no version",
	"sdk/c/sdk.h":                            cHeader,
	"sdk/start/first.c":                      "",
	"interpreters/gopher/1.0.0/main.go":      goMain,
	"interpreters/gopher/1.0.0/README.md":    "not in the store",
	"interpreters/sea/1.0.0/main.c":          cMain,
	"interpreters/sea/1.0.0/files/a/b.txt":   "data",
	"interpreters/sea/1.0.0/init/main.c":     "int main(void) { return 0; }\n",
	"interpreters/sea/1.0.0-rc.1/main.c":     cMain,
	"interpreters/testdata/odd/1.0.0/main.c": cMain,
}

func TestBuildIsIncremental(t *testing.T) {
	if _, _, err := findClang(t.Context()); err != nil {
		t.Skip(err)
	}
	module(t, sources)
	for _, step := range []struct {
		name   string
		change func()
		args   []string
		report string
	}{
		{"all", nil, nil, "built gopher/1.0.0, built sea/1.0.0, built sea/1.0.0-rc.1"},
		{"nothing has changed", nil, nil, ""},
		{"a source", func() { write(t, "interpreters/gopher/1.0.0/main.go", goMain+"// x\n") }, nil, "built gopher/1.0.0"},
		{"a file", func() { write(t, "interpreters/sea/1.0.0/files/a/b.txt", "other") }, nil, "built sea/1.0.0"},
		{"a README", func() { write(t, "interpreters/gopher/1.0.0/README.md", "other") }, nil, ""},
		{"a header of the SDK", func() { write(t, "sdk/c/sdk.h", cHeader+"//\n") }, nil, "built sea/1.0.0, built sea/1.0.0-rc.1"},
		{"a torn result", func() { write(t, "bin/store/sea/1.0.0/run.wasm", "") }, nil, "built sea/1.0.0"},
		{"a stray file", func() { write(t, "bin/store/sea/1.0.0/stray", "") }, nil, "built sea/1.0.0"},
		{"a lost result", func() { os.RemoveAll("bin/store/sea") }, nil, "built sea/1.0.0, built sea/1.0.0-rc.1"},
		{"a torn record", func() { write(t, "bin/store.built.json", "{") }, nil, "built gopher/1.0.0, built sea/1.0.0, built sea/1.0.0-rc.1"},
		{"with tests", nil, []string{"-tests"}, "built odd/1.0.0"},
		{"without", nil, nil, "has odd/1.0.0"}, // "has no sources any more"
		{"a version goes", func() { os.RemoveAll("interpreters/sea/1.0.0-rc.1") }, nil, "has sea/1.0.0-rc.1"},
	} {
		if step.change != nil {
			step.change()
		}
		report, err := build(t, step.args...)
		if err != nil || report != step.report {
			t.Fatalf("%s: got %q, %v, want %q", step.name, report, err, step.report)
		}
	}
	got, err := hashTree("bin")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"store.built.json", "store/gopher/1.0.0/run.wasm", "store/sea/1.0.0/a/b.txt", "store/sea/1.0.0/init.wasm", "store/sea/1.0.0/run.wasm"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("left %v, want %v", names, want)
	}
	if entries, _ := filepath.Glob("bin/.store-*"); len(entries) > 0 {
		t.Errorf("left %v", entries)
	}
}

// The bytes depend on the sources only: not on where they lie, nor on the environment.
func TestBuildIsReproducible(t *testing.T) {
	if _, _, err := findClang(t.Context()); err != nil {
		t.Skip(err)
	}
	var sums []map[string]string
	for _, env := range []string{"", "-gcflags=-N"} {
		module(t, sources)
		t.Setenv("GOFLAGS", env)
		if _, err := build(t); err != nil {
			t.Fatal(err)
		}
		sum, err := hashTree("bin/store")
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if !maps.Equal(sums[0], sums[1]) {
		t.Errorf("%v\n%v", sums[0], sums[1])
	}
}

func TestBuildReportsEveryFailure(t *testing.T) {
	if _, _, err := findClang(t.Context()); err != nil {
		t.Skip(err)
	}
	module(t, map[string]string{
		"sdk/start/first.c":              "",
		"interpreters/bad/1.0.0/main.go": "package main\n\nfunc main() { undefinedHere() }\n",
		"interpreters/bad/1.0.1/main.c":  "int main(void) { return undeclared(); }\n",
		"interpreters/good/1.0.0/main.c": "int main(void) { return 0; }\n",
	})
	report, err := build(t)
	if report != "built good/1.0.0" || err == nil || !strings.Contains(err.Error(), "undefinedHere") || !strings.Contains(err.Error(), "undeclared") {
		t.Errorf("got %q, %v", report, err)
	}
	if _, err := os.Stat("bin/store/bad"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what failed is in the store: %v", err)
	}
}

// A handler's stack is small, so what would fill it is refused; that of other programs is not.
func TestHandlersHaveSmallFrames(t *testing.T) {
	if _, _, err := findClang(t.Context()); err != nil {
		t.Skip(err)
	}
	const local = "#include <unistd.h>\nint main(void) { char a[SIZE]; return read(0, a, SIZE) < 0; }\n"
	const include = "#include \"handler.h\"\n"
	module(t, map[string]string{
		"sdk/start/first.c":                 "",
		"sdk/c/handler.h":                   "",
		"interpreters/large/1.0.0/main.c":   include + "#define SIZE (64 << 10)\n" + local,
		"interpreters/small/1.0.0/main.c":   include + "#define SIZE (8 << 10)\n" + local,
		"interpreters/program/1.0.0/main.c": "#define SIZE (64 << 10)\n" + local,
	})
	report, err := build(t)
	if report != "built program/1.0.0, built small/1.0.0" || err == nil || !strings.Contains(err.Error(), "stack frame size") {
		t.Errorf("got %q, %v", report, err)
	}
}

func TestWithoutAToolchainGoIsStillBuilt(t *testing.T) {
	module(t, sources)
	gobin, err := command(t.Context(), "", os.Environ(), "go", "env", "GOROOT")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WASI_SDK_PATH", "")
	t.Setenv("PATH", filepath.Join(strings.TrimSpace(string(gobin)), "bin"))
	report, err := build(t)
	if report != "built gopher/1.0.0" || err == nil || !strings.Contains(err.Error(), "apt-get install -y clang lld wasi-libc libclang-rt-") {
		t.Errorf("got %q, %v", report, err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-missing"}, &out, &out); err != nil || !strings.HasPrefix(out.String(), "clang\nlld\nwasi-libc\n") {
		t.Errorf("-missing: %q, %v", out.String(), err)
	}
}

func TestDiscoverRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		say   string
	}{
		"two languages":   {map[string]string{"interpreters/a/1.0.0/main.c": "", "interpreters/a/1.0.0/main.go": ""}, "both"},
		"no language":     {map[string]string{"interpreters/a/1.0.0/other.c": ""}, "neither"},
		"an empty init":   {map[string]string{"interpreters/a/1.0.0/main.c": "", "interpreters/a/1.0.0/init/x": ""}, "init: has neither"},
		"a strange name":  {map[string]string{"interpreters/a b/1.0.0/main.c": ""}, "cannot name"},
		"one name, twice": {map[string]string{"interpreters/a/1.0.0/main.c": "", "interpreters/testdata/a/1.0.0/main.c": ""}, "two interpreters"},
	} {
		t.Run(name, func(t *testing.T) {
			module(t, tc.files)
			if _, err := build(t, "-list", "-tests"); err == nil || !strings.Contains(err.Error(), tc.say) {
				t.Errorf("got %v, want %q", err, tc.say)
			}
		})
	}
}

// A record that somebody else wrote must not make prune remove what is not ours.
func TestForeignRecordsAreRefused(t *testing.T) {
	for _, key := range []string{"../../etc", "a", "a/b/c", "/a/b", "a/.."} {
		module(t, map[string]string{"interpreters/a/1.0.0/main.go": goMain, "bin/store.built.json": `{"` + key + `": {}}`})
		if _, err := build(t); err == nil || !strings.Contains(err.Error(), "not name/version") {
			t.Errorf("%q: got %v", key, err)
		}
	}
}

func TestList(t *testing.T) {
	module(t, sources)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-list", "-tests"}, &out, &out); err != nil {
		t.Fatal(err)
	}
	if want := "gopher/1.0.0\tGo\nodd/1.0.0\tC\nsea/1.0.0-rc.1\tC\nsea/1.0.0\tC\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
