// Package sdk holds the headers for programs in C. Package cc passes them to the compiler:
//
//	c/      handler.h, for handlers, and picture.h
//	mpi/    mpi.h, the MPI-5.0 ABI, and mpi-ext.h, extensions of it
//	posix/  headers that programs include and the C library for WASI lacks, and in lib/ the functions
//	start/  first.c, which is linked into every program
package sdk

import "embed"

// Headers are those directories.
//
//go:embed c/*.h mpi/*.h posix/*.h posix/sys/*.h posix/lib/*.c start/*.c
var Headers embed.FS
