package cc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Toolchain is the tools and libraries for C for WASI.
type Toolchain struct {
	Clang    string // the compiler
	Version  string // the first line of --version
	Target   string // the target's name for this clang
	Include  string // directory of the C library's headers
	Lib      string // directory of the C library
	Builtins string // clang's own runtime library
	CXX      string // directory of the C++ library's headers; empty if there is none

	major int // major version of clang
}

// MissingError says which parts of a toolchain are missing.
type MissingError struct {
	Packages []string // names of Debian's packages
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("C for WASI needs what is missing here: on Debian and Ubuntu run\n\tapt-get install -y %s\n"+
		"elsewhere unpack a WASI SDK (https://github.com/WebAssembly/wasi-sdk/releases) and set WASI_SDK_PATH to its directory", strings.Join(e.Packages, " "))
}

// sdkPlaces are the usual directories of a WASI SDK.
var sdkPlaces = []string{"/opt/wasi-sdk", "/usr/local/wasi-sdk", "/usr/lib/wasi-sdk", "/usr/share/wasi-sdk", "~/wasi-sdk", "~/.local/wasi-sdk"}

// Find looks for a WASI SDK in WASI_SDK_PATH, for the clang and C library of Debian's packages, and
// for a WASI SDK in the usual directories. If none of them is complete the error is a
// *[MissingError]. What it finds is remembered in the user's cache.
func Find(ctx context.Context) (*Toolchain, error) {
	if t := remembered(); t != nil {
		return t, nil
	}
	return findAnew(ctx)
}

func findAnew(ctx context.Context) (*Toolchain, error) {
	t, err := find(ctx)
	if err == nil {
		t.remember(ctx)
	}
	return t, err
}

func find(ctx context.Context) (*Toolchain, error) {
	if path := os.Getenv("WASI_SDK_PATH"); path != "" {
		t, lacks := sdkAt(ctx, path)
		if lacks != nil {
			return nil, fmt.Errorf("WASI_SDK_PATH is %s, which has no complete WASI SDK: it needs bin/clang, bin/wasm-ld and share/wasi-sysroot", path)
		}
		return t, nil
	}
	var lacks []string // what the first clang found lacks
	for _, name := range append([]string{"clang"}, versioned()...) {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		t := &Toolchain{Clang: path}
		missing := t.complete(ctx, "/usr")
		if len(missing) == 0 {
			return t, nil
		}
		if lacks == nil {
			lacks = missing
		}
	}
	home, _ := os.UserHomeDir()
	for _, path := range sdkPlaces {
		if rest, ok := strings.CutPrefix(path, "~"); ok {
			path = home + rest
		}
		if t, lacks := sdkAt(ctx, path); lacks == nil {
			return t, nil
		}
	}
	if lacks == nil {
		lacks = allPackages(ctx)
	}
	return nil, &MissingError{Packages: lacks}
}

// sdkAt returns the WASI SDK in a directory.
func sdkAt(ctx context.Context, path string) (t *Toolchain, lacks []string) {
	t = &Toolchain{Clang: filepath.Join(path, "bin", "clang")}
	return t, t.complete(ctx, filepath.Join(path, "share", "wasi-sysroot"))
}

// allPackages are the packages that a Debian machine without clang needs.
func allPackages(ctx context.Context) []string {
	return []string{"clang", "lld", "wasi-libc", "libclang-rt-" + debianClang(ctx) + "-dev-wasm32"}
}

// MissingCXX are the packages that a Debian machine needs for C++ besides those for C; none if it
// has the library.
func (t *Toolchain) MissingCXX() []string {
	if t.CXX != "" {
		return nil
	}
	return []string{fmt.Sprintf("libc++-%d-dev-wasm32", t.major), fmt.Sprintf("libc++abi-%d-dev-wasm32", t.major)}
}

func versioned() (names []string) {
	for v := 22; v >= 14; v-- {
		names = append(names, fmt.Sprintf("clang-%d", v))
	}
	return names
}

var (
	clangVersion  = regexp.MustCompile(`clang version (\d+)`)
	clangDepends  = regexp.MustCompile(`Depends: clang-(\d+)`)
	sysrootNames  = []string{"wasm32-wasi", "wasm32-wasip1"}
	builtinsNames = []string{"wasi/libclang_rt.builtins-wasm32.a", "wasm32-unknown-wasi/libclang_rt.builtins.a",
		"wasm32-unknown-wasip1/libclang_rt.builtins.a", "wasip1/libclang_rt.builtins-wasm32.a"}
)

// complete fills in the toolchain and returns the Debian packages for what is missing.
func (t *Toolchain) complete(ctx context.Context, sysroot string) (lacks []string) {
	out, err := output(ctx, t.Clang, "--version")
	version := clangVersion.FindStringSubmatch(out)
	if err != nil || version == nil {
		return allPackages(ctx)
	}
	t.Version, _, _ = strings.Cut(out, "\n")
	t.major, _ = strconv.Atoi(version[1])
	if ld, err := output(ctx, t.Clang, "-print-prog-name=wasm-ld"); err != nil || !runnable(ld) {
		lacks = append(lacks, "lld")
	}
	for _, name := range sysrootNames {
		include, lib := filepath.Join(sysroot, "include", name), filepath.Join(sysroot, "lib", name)
		if exists(filepath.Join(include, "stdlib.h")) && exists(filepath.Join(lib, "libc.a")) && exists(filepath.Join(lib, "crt1-command.o")) {
			t.Target, t.Include, t.Lib = name, include, lib
			break
		}
	}
	if t.Lib == "" {
		lacks = append(lacks, "wasi-libc")
	}
	resources, err := output(ctx, t.Clang, "-print-resource-dir")
	for _, name := range builtinsNames {
		if path := filepath.Join(resources, "lib", name); err == nil && exists(path) {
			t.Builtins = path
			break
		}
	}
	// A WASI SDK has the C++ headers beside those of C, Debian beside clang's own.
	for _, path := range []string{t.Include, filepath.Join(resources, "..", "..", "..", "include", t.Target)} {
		if cxx := filepath.Join(path, "c++", "v1"); t.Target != "" && exists(filepath.Join(cxx, "vector")) && exists(filepath.Join(t.Lib, "libc++.a")) {
			t.CXX = cxx
			break
		}
	}
	if t.Builtins == "" {
		lacks = append(lacks, "libclang-rt-"+version[1]+"-dev-wasm32")
	}
	return lacks
}

// debianClang is the major version of clang that the package clang would install here.
func debianClang(ctx context.Context) string {
	out, err := output(ctx, "apt-cache", "depends", "clang")
	if m := clangDepends.FindStringSubmatch(out); err == nil && m != nil {
		return m[1]
	}
	return "14" // that of Debian 12
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func runnable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}
