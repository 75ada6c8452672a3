package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// compiled is the program that a source in C or C++ makes. It is kept in the user's cache for as
// long as nothing changes that it is made of. release must be called when it has been read.
func (a *app) compiled(ctx context.Context, source string, cxx bool, options []string) (file string, release func(), err error) {
	if _, err := os.Stat(source); err != nil {
		return "", nil, err // the compiler would say less
	}
	dir, release := programDir(), func() {}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "ipfs-mpi-run-"); err != nil {
			return "", nil, err
		}
		release = func() { os.RemoveAll(dir) }
	}
	args := []string{"-g", source} // so that a trap names the line
	for _, o := range options {
		args = append(args, strings.Fields(o)...)
	}
	file, code, err := cc.Program(ctx, dir, args, cxx, cc.Streams{In: strings.NewReader(""), Out: a.errw, Err: a.errw})
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case code != 0:
		err = exitCode{code: code} // the compiler has told why
	}
	if err != nil {
		release()
		return "", nil, err
	}
	return file, release, nil
}

// programDir is where this user's programs are kept that run has compiled; empty without a home.
func programDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ipfs-mpi", "programs")
}
