package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// cFlags are what the store's programs are compiled with beside what every program is.
var cFlags = []string{"-std=gnu17", "-O2", "-Wall", "-Wextra", "-Wl,--strip-all"}

// handlerFlags are added for handlers. The memory of an instance that has gone is cleared for the
// next one if it is small, and given back to the system if it is not, which takes longer. A
// function whose local variables take much of such a stack is an error, or its instances would
// trap.
var handlerFlags = []string{
	"-Wl,-z,stack-size=65536",
	"-Wframe-larger-than=16384", "-Werror=frame-larger-than",
}

// isHandler reports whether a program is written against handler.h.
func isHandler(sources []string) (bool, error) {
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			return false, err
		}
		if bytes.Contains(text, []byte(`#include "handler.h"`)) {
			return true, nil
		}
	}
	return false, nil
}

// findClang returns the toolchain, or the error that says what is missing, and those packages.
func findClang(ctx context.Context) (*cc.Toolchain, []string, error) {
	tools, err := cc.Find(ctx)
	var missing *cc.MissingError
	if errors.As(err, &missing) {
		return nil, missing.Packages, err
	}
	return tools, nil, err
}

func (b *builder) buildC(ctx context.Context, p part, output string) error {
	sources, err := filepath.Glob(filepath.Join(p.dir, "*.c"))
	if err != nil {
		return err
	}
	if output, err = filepath.Abs(output); err != nil {
		return err
	}
	flags := cFlags
	if handler, err := isHandler(sources); err != nil {
		return err
	} else if handler {
		flags = slices.Concat(cFlags, handlerFlags)
	}
	line, err := cc.Parse(slices.Concat(flags, []string{"-ffile-prefix-map=" + b.root + "=.", "-o", output}, sources))
	if err != nil {
		return err
	}
	objects, err := os.MkdirTemp(b.temp, "objects-")
	if err != nil {
		return err
	}
	kit, err := b.kit(ctx)
	if err != nil {
		return err
	}
	commands, err := b.clang.Commands(line, kit, objects)
	if err != nil {
		return err
	}
	for _, args := range commands {
		if _, err := command(ctx, b.root, os.Environ(), b.clang.Clang, args...); err != nil {
			return err
		}
	}
	return nil
}

// kit makes what every program is linked with, once.
func (b *builder) kit(ctx context.Context) (cc.Kit, error) {
	b.making.Do(func() {
		b.made, b.makeErr = b.clang.BuildKit(ctx, b.headers(), filepath.Join(b.temp, "kit"))
	})
	return b.made, b.makeErr
}

// headers is the directory of the headers: the module's own, which package sdk holds a copy of.
func (b *builder) headers() string { return filepath.Join(b.root, "sdk") }
