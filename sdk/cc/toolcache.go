package cc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// found is a toolchain as it is remembered: to look for one takes longer than to compile a small
// source, since clang is asked three times.
type found struct {
	Tools  Toolchain
	Major  int
	First  string            // the clang that is asked first, by PATH
	Stamps map[string]string // of the files that tell whether it is still the same
}

// remembered is the toolchain that was found last with this environment, if it is still there and
// nothing of it has changed.
func remembered() *Toolchain {
	text, err := os.ReadFile(foundFile())
	var f found
	if err != nil || json.Unmarshal(text, &f) != nil || f.First != firstClang() || len(f.Stamps) == 0 {
		return nil
	}
	for name, is := range f.Stamps {
		if stamp(name) != is {
			return nil
		}
	}
	f.Tools.major = f.Major
	return &f.Tools
}

// remember is for the next call of [Find]. Without a place for it that looks again.
func (t *Toolchain) remember(ctx context.Context) {
	f := found{Tools: *t, Major: t.major, First: firstClang(), Stamps: map[string]string{}}
	files := []string{t.Clang, filepath.Join(t.Include, "stdlib.h"), filepath.Join(t.Lib, "libc.a"), t.crt1(), t.Builtins}
	if ld, err := output(ctx, t.Clang, "-print-prog-name=wasm-ld"); err == nil {
		if ld, err = exec.LookPath(ld); err == nil {
			files = append(files, ld)
		}
	}
	if t.CXX != "" {
		files = append(files, filepath.Join(t.CXX, "vector"))
	}
	for _, name := range files {
		f.Stamps[name] = stamp(name)
	}
	text, err := json.Marshal(f)
	name := foundFile()
	if err != nil || name == "" || os.MkdirAll(filepath.Dir(name), 0o755) != nil {
		return
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".tools-")
	if err != nil {
		return
	}
	_, err = temp.Write(text)
	if temp.Close() != nil || err != nil || os.Rename(temp.Name(), name) != nil {
		os.Remove(temp.Name())
	}
}

// firstClang is the clang that is first in PATH.
func firstClang() string {
	path, _ := exec.LookPath("clang")
	return path
}

// foundFile is where a toolchain is remembered, for the environment that it was looked for in;
// empty without a place.
func foundFile() string {
	cache := cacheDir()
	if cache == "" {
		return ""
	}
	var environment []string
	for _, name := range []string{"WASI_SDK_PATH", "PATH", "HOME"} {
		environment = append(environment, os.Getenv(name))
	}
	sum := sha256.Sum256(fmt.Append(nil, strings.Join(environment, "\x00")))
	return filepath.Join(cache, "tools-"+hex.EncodeToString(sum[:8])+".json")
}
