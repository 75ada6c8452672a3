// Package sdk holds the headers for programs in C, as the compiler of package cc wants them:
//
//	c/      handler.h, for handlers, and picture.h
//	mpi/    mpi.h, the MPI-5.0 ABI
//	posix/  what programs include and the C library for WASI does not have
package sdk

import "embed"

// Headers are the directories c, mpi and posix.
//
//go:embed c/*.h mpi/*.h posix/*.h posix/sys/*.h
var Headers embed.FS
