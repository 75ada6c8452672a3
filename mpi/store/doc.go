// Package store is the set of interpreters that a node may serve: an IPFS directory laid out as
// name/version/run.wasm. The package resolves it, watches it, and fetches and pins its content
// through Kubo's CoreAPI, in process or over RPC. It implements [mpi.Store].
//
// # Who owns what
//
// One goroutine, [reconciler.run], owns the listing of the store, the pins and the state file.
// Whatever may block on the network runs in a job beside it and returns a function that the
// reconciler calls. Close ends the reconciler and every job, and waits for them.
//
// # Pins
//
// What is served is pinned, recursively, under the name "ipfs-mpi name/version". The state file
// lists our pins. An entry is written before its pin is made, so a crash between the two leaves no
// pin without an owner. A CID that is pinned already and is not in the file is somebody else's: it
// is served, and we never unpin it.
//
// Kubo keeps separate pins for the two versions of a CID. Ours is always on version 1, so a pin on
// the Qm… spelling, which "ipfs add" prints, is not affected. Once we have pinned a CID, Kubo
// cannot tell a later pin of somebody else on the same CID from ours, and we remove it with ours.
//
// # Blocks, not listings
//
// Directories and files are read block by block through CoreAPI's Dag, and decoded here. Kubo's RPC
// client (client/rpc/unixfs.go of v0.43.0) returns a failed listing as an empty one without an
// error, and reads a whole listing into memory. Blocks arrive whole or not at all, in process and
// over RPC alike, and every count and size is bounded before it is used.
package store
