// Package store is the set of interpreters that a node may serve: an IPFS directory laid
// out as name/version/run.wasm, resolved, watched, fetched and pinned through Kubo's CoreAPI,
// be it in process or over RPC. It implements [mpi.Store].
//
// # Who owns what
//
// One goroutine, [reconciler.run], owns the picture of the store, what is pinned and the state
// file. Whatever may block on the network runs in a job beside it and hands back a function
// that the reconciler calls. Close ends the reconciler and every job, and waits for them.
//
// # Pins
//
// What is served is pinned, recursively, as "ipfs-mpi name/version". The state file lists
// our pins; an entry is written before its pin is made, so that a crash between the two leaves no
// pin that nobody owns. A CID that is pinned already and is not in the file is somebody else's: it is
// served, and never unpinned by us. Kubo keeps the pins of the two versions of a CID apart; ours is always on version 1, so a
// pin on the Qm… spelling, which "ipfs add" prints, is not touched either way. Once we have pinned a CID, a pin that somebody
// else asks for on the same CID cannot be told from ours, and goes with it.
//
// # Blocks, not listings
//
// Directories and files are read block by block through CoreAPI's Dag, and decoded here. Kubo's RPC
// client (client/rpc/unixfs.go of v0.43.0) returns a failed listing as an empty one without an error, and reads a whole
// listing into memory; blocks come whole or not at all, in process and over RPC alike, and
// every count and size can be bounded before it is believed.
package store
