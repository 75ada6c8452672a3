package mpi

// Version of ipfs-mpi, a semantic version.
const Version = "0.1.0"
