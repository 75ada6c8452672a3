// Package sdk holds what programs in C are made with, as package cc gives it to the compiler:
//
//	c/      handler.h, for handlers, and picture.h
//	mpi/    mpi.h, the MPI-5.0 ABI
//	posix/  headers that programs include and the C library for WASI does not have
//	start/  first.c, which is linked to every program
package sdk

import "embed"

// Headers are those directories.
//
//go:embed c/*.h mpi/*.h posix/*.h posix/sys/*.h start/*.c
var Headers embed.FS
