package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// cFlags compile C for WASI. An implicit declaration would link and then trap when called.
var cFlags = []string{
	"--target=wasm32-wasi", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror=implicit-function-declaration",
	"-nostdlibinc", // or clang goes on to the host's headers
	"-nostartfiles", "-nodefaultlibs",
	"-Wl,--stack-first,-z,stack-size=8388608", // an overflow of the stack traps instead of writing to data
	"-Wl,--export-table",                      // for the callbacks of MPI
	"-Wl,--strip-all",
}

// toolchain is what C for WASI takes.
type toolchain struct {
	clang    string
	version  string // what clang says
	include  string // directory of wasi-libc's headers
	lib      string // directory of its libraries
	builtins string // clang's own runtime library
}

// findClang looks for a WASI SDK in WASI_SDK_PATH, then for what Debian's packages install. If it
// is not complete it returns nil and the packages that are missing.
func findClang(ctx context.Context) (*toolchain, []string) {
	if sdk := os.Getenv("WASI_SDK_PATH"); sdk != "" {
		t := &toolchain{clang: filepath.Join(sdk, "bin", "clang")}
		if len(t.complete(ctx, filepath.Join(sdk, "share", "wasi-sysroot"))) == 0 {
			return t, nil
		}
	}
	var lacks []string // of the first clang that is there
	for _, name := range append([]string{"clang"}, versioned()...) {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		t := &toolchain{clang: path}
		missing := t.complete(ctx, "/usr")
		if len(missing) == 0 {
			return t, nil
		}
		if lacks == nil {
			lacks = missing
		}
	}
	if lacks == nil {
		lacks = allPackages(ctx)
	}
	return nil, lacks
}

// allPackages are what a Debian machine without clang needs.
func allPackages(ctx context.Context) []string {
	return []string{"clang", "lld", "wasi-libc", "libclang-rt-" + debianClang(ctx) + "-dev-wasm32"}
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

// complete fills in the toolchain and returns the Debian packages of what it does not find.
func (t *toolchain) complete(ctx context.Context, sysroot string) (lacks []string) {
	out, err := command(ctx, "", os.Environ(), t.clang, "--version")
	version := clangVersion.FindSubmatch(out)
	if err != nil || version == nil {
		return allPackages(ctx)
	}
	t.version, _, _ = strings.Cut(string(out), "\n")
	if out, err := command(ctx, "", os.Environ(), t.clang, "-print-prog-name=wasm-ld"); err != nil || !runnable(strings.TrimSpace(string(out))) {
		lacks = append(lacks, "lld")
	}
	for _, name := range sysrootNames {
		include, lib := filepath.Join(sysroot, "include", name), filepath.Join(sysroot, "lib", name)
		if exists(filepath.Join(include, "stdlib.h")) && exists(filepath.Join(lib, "libc.a")) && exists(filepath.Join(lib, "crt1-command.o")) {
			t.include, t.lib = include, lib
			break
		}
	}
	if t.lib == "" {
		lacks = append(lacks, "wasi-libc")
	}
	resources, err := command(ctx, "", os.Environ(), t.clang, "-print-resource-dir")
	for _, name := range builtinsNames {
		if path := filepath.Join(strings.TrimSpace(string(resources)), "lib", name); err == nil && exists(path) {
			t.builtins = path
			break
		}
	}
	if t.builtins == "" {
		lacks = append(lacks, "libclang-rt-"+string(version[1])+"-dev-wasm32")
	}
	return lacks
}

func (t *toolchain) build(ctx context.Context, root string, p part, output string) error {
	sources, err := filepath.Glob(filepath.Join(p.dir, "*.c"))
	if err != nil {
		return err
	}
	output, err = filepath.Abs(output)
	if err != nil {
		return err
	}
	args := append([]string(nil), cFlags...)
	args = append(args, "-isystem", t.include, "-I", filepath.Join(root, "interpreters", "sdk", "c"),
		"-I", filepath.Join(root, "interpreters", "sdk", "mpi"), "-ffile-prefix-map="+root+"=.")
	args = append(args, "-o", output, filepath.Join(t.lib, "crt1-command.o"))
	args = append(args, sources...)
	args = append(args, "-L"+t.lib, "-lm", "-lc", t.builtins)
	_, err = command(ctx, root, os.Environ(), t.clang, args...)
	return err
}

// debianClang is the major version that the package clang would install here.
func debianClang(ctx context.Context) string {
	out, err := command(ctx, "", os.Environ(), "apt-cache", "depends", "clang")
	if m := clangDepends.FindSubmatch(out); err == nil && m != nil {
		return string(m[1])
	}
	return "14" // of Debian 12
}

func lacksError(packages []string) error {
	return fmt.Errorf("C for WASI needs what is missing here: on Debian and Ubuntu run\n\tapt-get install -y %s\n"+
		"elsewhere unpack a WASI SDK (github.com/WebAssembly/wasi-sdk) and set WASI_SDK_PATH to its directory", strings.Join(packages, " "))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func runnable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}
