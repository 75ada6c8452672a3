package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goFlags make the bytes depend on the sources and the Go version and on nothing else: no paths, no
// version control, no build ID, no symbols.
var goFlags = []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}

// goEnv is the environment without what would change the bytes.
func goEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		switch key, _, _ := strings.Cut(kv, "="); key {
		case "GOOS", "GOARCH", "GOWASM", "GOFLAGS", "GOEXPERIMENT", "GODEBUG", "GOWORK", "GOFIPS140", "CGO_ENABLED":
		default:
			env = append(env, kv)
		}
	}
	return append(env, "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "CGO_ENABLED=0")
}

func buildGo(ctx context.Context, root, dir, output string) error {
	output, err := filepath.Abs(output)
	if err != nil {
		return err
	}
	args := append(append([]string{"build"}, goFlags...), "-o", output, dir)
	_, err = command(ctx, root, goEnv(), "go", args...)
	return err
}

// goSources are the files, outside of the standard library, that the package in a directory is
// built from, and the version of Go that stands for the rest.
type goSources struct {
	version string
	files   map[string][]string // by directory
}

// listGo asks Go for the sources of the packages in dirs.
func listGo(ctx context.Context, root string, dirs []string) (goSources, error) {
	s := goSources{files: map[string][]string{}}
	version, err := command(ctx, root, goEnv(), "go", "env", "GOVERSION")
	if err != nil {
		return s, err
	}
	s.version = strings.TrimSpace(string(version))
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,SFiles,EmbedFiles,Deps"}, dirs...)
	out, err := command(ctx, root, goEnv(), "go", args...)
	if err != nil {
		return s, err
	}
	type pkg struct {
		ImportPath, Dir             string
		Standard                    bool
		GoFiles, SFiles, EmbedFiles []string
		Deps                        []string
	}
	byPath, byDir := map[string]pkg{}, map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return s, fmt.Errorf("go list: %w", err)
		}
		byPath[p.ImportPath], byDir[p.Dir] = p, p
	}
	for _, dir := range dirs {
		main, found := byDir[dir]
		if !found {
			return s, fmt.Errorf("go list does not know %s", dir)
		}
		for _, path := range append(main.Deps, main.ImportPath) {
			p := byPath[path]
			if p.Standard {
				continue
			}
			for _, list := range [][]string{p.GoFiles, p.SFiles, p.EmbedFiles} {
				for _, f := range list {
					s.files[dir] = append(s.files[dir], filepath.Join(p.Dir, f))
				}
			}
		}
	}
	return s, nil
}

// command runs a program and returns its standard output; an error holds what it wrote to
// standard error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, err
}
