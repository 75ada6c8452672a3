package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// buildCommand builds ipfs-mpi.
func buildCommand(t *testing.T) string {
	t.Helper()
	command := filepath.Join(buildDir, "ipfs-mpi")
	args := []string{"build", "-tags", "nokubo", "-o", command, "../../cmd/loader"}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return command
}

// Packages of the kinds that there are for clusters: one with autoconf, one with CMake, one with a
// makefile alone. They are configured and built unchanged, by the command, and run.
func TestPackages(t *testing.T) {
	command := buildCommand(t)
	for _, c := range []struct {
		name  string
		tools []string
		lines []string // in a copy of the package; $CC is the compiler
		made  string
		want  string // of three ranks, as with Open MPI
	}{
		{"solver", []string{"autoconf", "autoheader"},
			[]string{"autoheader", "autoconf", `./configure CC="$CC" --host=wasm32-wasi`, "make"}, "solver", "48 unknowns, solved, first 24.000\n"},
		{"stencil", []string{"cmake"}, []string{"cmake -S . -B build", "cmake --build build"}, "build/stencil", "12 rows, 184 steps, mean 0.6997\n"},
		{"search", nil, []string{`make MPICC="$CC"`}, "search", "192 vertices reached\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, tool := range append(c.tools, "make", "ar") {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("%v: make deps-packages installs it", err)
				}
			}
			dir := filepath.Join(t.TempDir(), c.name)
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "packages", c.name))); err != nil {
				t.Fatal(err)
			}
			for _, line := range c.lines {
				cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "CC="+command+" cc", "MAKEFLAGS=")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", line, err, out)
				}
			}
			p := conformance.Program{Name: c.name, Source: filepath.Join(dir, c.made)}
			if got := job(t, p, []int{0, 0, 1}, 0); got.err != nil || got.out != c.want {
				t.Errorf("%v\n%s", got.err, got.out)
			}
		})
	}
}

// A library of GNU ar and ranlib, and the probes of autoconf: makefiles and scripts as users have
// them.
func TestBuildSystems(t *testing.T) {
	command := buildCommand(t)
	in := func(t *testing.T, name, line string) (dir, out string) {
		t.Helper()
		dir = filepath.Join(t.TempDir(), name)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "packages", name))); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CC="+command+" cc", "MAKEFLAGS=")
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return dir, string(text)
	}
	t.Run("gnu-ar", func(t *testing.T) {
		dir, _ := in(t, "gnu-ar", `make MPICC="$CC"`)
		p := conformance.Program{Name: "gnu-ar", Source: filepath.Join(dir, "prog")}
		if got := job(t, p, []int{0}, 0); got.err != nil || got.out != "42\n" {
			t.Errorf("%v\n%s", got.err, got.out)
		}
	})
	t.Run("autoconf", func(t *testing.T) {
		if _, err := exec.LookPath("autoconf"); err != nil {
			t.Skipf("%v: make deps-packages installs it", err)
		}
		_, out := in(t, "probe", `autoconf && ./configure CC="$CC" --host=wasm32-wasi`)
		for _, want := range []string{"sqrt... none required", "MPI_Init... yes", "gettimeofday... yes"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
	})
	// Wrappers of the usual names.
	t.Run("wrappers", func(t *testing.T) {
		bin := t.TempDir()
		if out, err := exec.CommandContext(t.Context(), command, "cc", "--install-wrappers", bin).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		dir, _ := in(t, "gnu-ar", `PATH="`+bin+`:$PATH" make`)
		p := conformance.Program{Name: "wrapped", Source: filepath.Join(dir, "prog")}
		if got := job(t, p, []int{0}, 0); got.err != nil || got.out != "42\n" {
			t.Errorf("%v\n%s", got.err, got.out)
		}
		link := filepath.Join(t.TempDir(), "mpicc")
		if err := os.Symlink(command, link); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), link, "-showme:version").CombinedOutput(); err != nil || !strings.Contains(string(out), "MPI 5.0") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}
