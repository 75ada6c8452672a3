package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// interpreter is one directory NAME/VERSION of sources.
type interpreter struct {
	name, version string
	parts         []part // run first
	files         string // directory of what is copied beside run.wasm, or empty
}

func (in interpreter) String() string { return in.name + "/" + in.version }

func (in interpreter) languages() string {
	var all []string
	for _, p := range in.parts {
		if !slices.Contains(all, p.language) {
			all = append(all, p.language)
		}
	}
	return strings.Join(all, ", ")
}

// part is the sources of one module.
type part struct {
	dir      string // of the sources
	language string // "Go" or "C"
	output   string // "run.wasm" or "init.wasm"
}

// moduleRoot is the directory of the go.mod above the working directory.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it: run this in the module's directory", start)
		}
	}
}

// discover finds the interpreters of the module, sorted by name and version.
func discover(root string, tests bool) ([]interpreter, error) {
	dirs := []string{filepath.Join(root, "interpreters")}
	if tests {
		dirs = append(dirs, filepath.Join(root, "interpreters", "testdata"))
	}
	var all []interpreter
	for _, dir := range dirs {
		versions, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err != nil {
			return nil, err
		}
		for _, d := range versions {
			name, version := filepath.Base(filepath.Dir(d)), filepath.Base(d)
			if _, err := semver.StrictNewVersion(version); err != nil || !isDir(d) {
				continue // sdk/handler, wordcount/testdata and such
			}
			if !mpi.ValidName(name) {
				return nil, fmt.Errorf("%s: %q cannot name an interpreter", d, name)
			}
			in, err := describe(name, version, d)
			if err != nil {
				return nil, err
			}
			all = append(all, in)
		}
	}
	for i, in := range all {
		if slices.ContainsFunc(all[:i], func(o interpreter) bool { return o.String() == in.String() }) {
			return nil, fmt.Errorf("two interpreters are %s", in)
		}
	}
	slices.SortFunc(all, func(a, b interpreter) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return semver.MustParse(a.version).Compare(semver.MustParse(b.version))
	})
	return all, nil
}

func describe(name, version, dir string) (interpreter, error) {
	in := interpreter{name: name, version: version}
	run, err := language(dir)
	if err != nil {
		return in, err
	}
	in.parts = []part{{dir, run, "run.wasm"}}
	if sub := filepath.Join(dir, "init"); isDir(sub) {
		lang, err := language(sub)
		if err != nil {
			return in, err
		}
		in.parts = append(in.parts, part{sub, lang, "init.wasm"})
	}
	if sub := filepath.Join(dir, "files"); isDir(sub) {
		in.files = sub
	}
	return in, nil
}

func language(dir string) (string, error) {
	_, noGo := os.Stat(filepath.Join(dir, "main.go"))
	_, noC := os.Stat(filepath.Join(dir, "main.c"))
	switch {
	case noGo == nil && noC != nil:
		return "Go", nil
	case noC == nil && noGo != nil:
		return "C", nil
	case noC == nil && noGo == nil:
		return "", fmt.Errorf("%s: has both main.go and main.c: a program has one language", dir)
	case errors.Is(noGo, fs.ErrNotExist) && errors.Is(noC, fs.ErrNotExist):
		return "", fmt.Errorf("%s: has neither main.go nor main.c", dir)
	}
	return "", errors.Join(noGo, noC)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
