// Package mpi is MPI for programs in Go, compiled with GOOS=wasip1 GOARCH=wasm and run as the ranks of a job. Beside it is
// mpi.h, the same for C.
package mpi

//go:generate go run ./gen
