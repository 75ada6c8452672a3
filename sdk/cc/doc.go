// Package cc compiles C and C++ for WASI: it finds a clang and passes it what programs need that
// were written for other systems. The command "ipfs-mpi cc" and the build of the example store use
// it.
//
//	tools, err := cc.Find(ctx)                 // a *MissingError says what to install
//	kit, err := tools.BuildKit(ctx, "sdk", dir) // mpi.h and its companions, and what is linked
//	line, err := cc.Parse([]string{"-O3", "-o", "heat.wasm", "heat.c", "-lm"})
//	list, err := tools.Commands(line, kit, temp) // arguments for tools.Clang
package cc
