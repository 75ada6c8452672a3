package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

// stamp records the inputs and the output of each interpreter in the store. Its file is beside the
// store, not in it, because what is in the store is published.
type stamp map[string]record

type record struct {
	Inputs string            `json:"inputs"` // hash of sources, flags and compilers
	Files  map[string]string `json:"files"`  // SHA-256 by path
}

func readStamp(path string) (stamp, error) {
	in, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := stamp{}
	if json.Unmarshal(in, &s) != nil {
		return stamp{}, nil // not readable: build everything again
	}
	for key := range s {
		name, version, _ := strings.Cut(key, "/")
		if _, err := semver.StrictNewVersion(version); err != nil || !mpi.ValidName(name) {
			return nil, fmt.Errorf("%s: %q is not name/version: remove the file", path, key)
		}
	}
	return s, nil
}

func (s stamp) write(path string) error {
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(out, '\n'), 0o644)
}

// intact reports whether dir holds what was built, and nothing else.
func (r record) intact(dir string) bool {
	now, err := hashTree(dir)
	return err == nil && maps.Equal(now, r.Files)
}

// hashTree hashes every file below dir.
func hashTree(dir string) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		sums[filepath.ToSlash(name)], err = hashFile(path)
		return err
	})
	return sums, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// inputs hashes all that the interpreter's bytes depend on.
func (b *builder) inputs(in interpreter) (string, error) {
	h := sha256.New()
	for _, p := range in.parts {
		fmt.Fprintln(h, p.output, p.language)
		files, err := b.sources(h, p)
		if err != nil {
			return "", err
		}
		slices.Sort(files)
		for _, f := range files {
			sum, err := hashFile(f)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(h, filepath.Base(f), sum)
		}
	}
	if in.files != "" {
		sums, err := hashTree(in.files)
		if err != nil {
			return "", err
		}
		for _, name := range slices.Sorted(maps.Keys(sums)) {
			fmt.Fprintln(h, name, sums[name])
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sources lists a part's files and writes to h what is not in files.
func (b *builder) sources(h io.Writer, p part) (files []string, err error) {
	if p.language == "Go" {
		fmt.Fprintln(h, b.golib.version, goFlags)
		return append(b.golib.files[p.dir], filepath.Join(b.root, "go.mod")), nil
	}
	if b.clang == nil {
		return nil, b.noC
	}
	files, words := b.clang.Fingerprint()
	fmt.Fprintln(h, words, cFlags, handlerFlags)
	for _, pattern := range []string{filepath.Join(p.dir, "*.[ch]"), filepath.Join(b.headers(), "*", "*.h"), filepath.Join(b.headers(), "*", "*", "*.h"),
		filepath.Join(b.headers(), "start", "*.c"), filepath.Join(b.headers(), "posix", "lib", "*.c")} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return files, nil
}
