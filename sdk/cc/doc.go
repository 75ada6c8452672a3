// Package cc compiles C, and C++, for WASI: it finds a clang, and gives it what programs need that were written for another
// world. The command "ipfs-mpi cc" and the build of the example store are made of it.
//
//	tools, err := cc.Find(ctx)                 // a *MissingError says what to install
//	headers, release, err := cc.Headers()               // mpi.h and its companions, on disk
//	line, err := cc.Parse([]string{"-O3", "-o", "heat.wasm", "heat.c", "-lm"})
//	list, err := tools.Commands(line, headers, temp)	// arguments for tools.Clang
package cc
