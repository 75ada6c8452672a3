package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

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

  --show    print the commands and run nothing
  -v        print the commands, and run them

Where nothing is found that compiles for WASI it says what to install. $WASI_SDK_PATH is asked first.
The exit code is the compiler's.`,
		Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
				return cmd.Help()
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
