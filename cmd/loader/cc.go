package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/handover"
	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

func (a *app) ccCommand() *cobra.Command {
	return a.compiler("cc", "C", `  ipfs-mpi cc heat.c                        # makes heat.wasm
  ipfs-mpi cc -O3 -o heat.wasm heat.c -lm
  ipfs-mpi cc -c grid.c && ipfs-mpi cc -o heat.wasm heat.c grid.o
  ipfs-mpi cc --show heat.c                 # what it would run`)
}

func (a *app) cxxCommand() *cobra.Command {
	return a.compiler("c++", "C++", `  ipfs-mpi c++ -std=c++17 -o heat.wasm heat.cpp`)
}

func (a *app) compiler(name, language, example string) *cobra.Command {
	return passThrough(&cobra.Command{
		Use:   name + " [OPTION]... FILE...",
		Short: "Compile " + language + " to a program that a pool can run",
		Long: `Compiles ` + language + ` to WebAssembly, as mpicc compiles it for one machine: finds a clang that can, and gives it mpi.h and the options that
programs need which were written for other systems. Options are the compiler's own: -o, -c, -O, -g, -I, -D, -L, -l, …
One source makes a program of its name: heat.c makes heat.wasm. Without -O it is -O2.

  --show                   print the commands and run nothing
  -showme:compile, …:link  print flags, as the wrappers of Open MPI do; -compile_info, -link_info as those of MPICH
  --install-wrappers DIR   write mpicc, mpicxx, mpic++ and mpiCC to a directory; an executable of such a name is a compiler too
  -v                       print the commands, and run them

Where nothing is found that compiles for WASI it says what to install. $WASI_SDK_PATH is asked first.
The exit code is the compiler's.`,
		Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
				return cmd.Help()
			}
			if args[0] == "--install-wrappers" {
				return a.do(func(context.Context, []string) error { return a.installWrappers(args[1:]) })(cmd, args)
			}
			return a.do(func(ctx context.Context, args []string) error {
				code, err := cc.Run(ctx, args, language == "C++", cc.Streams{In: a.in, Out: a.out, Err: a.errw})
				if ctx.Err() != nil {
					return exitCode{code: signalCode(ctx)}
				}
				if code != 0 {
					return exitCode{code: code} // the compiler has told why
				}
				return err
			})(cmd, args)
		},
	})
}

// installWrappers writes a compiler for each of the names that makefiles and configure scripts look
// for. They are scripts, so that who resolves links still finds a compiler.
func (a *app) installWrappers(args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("--install-wrappers needs one directory")
	}
	// Not os.Executable: what runs may have been started from memory.
	self, err := exec.LookPath(os.Args[0])
	if err != nil {
		return err
	}
	if self, err = filepath.Abs(self); err != nil {
		return err
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	for _, name := range []string{"mpicc", "mpicxx", "mpic++", "mpiCC"} {
		file := filepath.Join(args[0], name)
		if _, err := os.Lstat(file); err == nil {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), wrapperMark) {
				return fmt.Errorf("%s is there, and is not one of these wrappers: choose another directory", file)
			}
		}
		text := fmt.Sprintf("#!/bin/sh\n%s\nexec '%s' %s \"$@\"\n", wrapperMark, strings.ReplaceAll(self, "'", `'\''`), handover.Wrapper(name))
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			return err
		}
		fmt.Fprintln(a.out, file)
	}
	return nil
}

// wrapperMark is a line by which a wrapper is known.
const wrapperMark = "# Compiles for WebAssembly; written by: ipfs-mpi cc --install-wrappers"
