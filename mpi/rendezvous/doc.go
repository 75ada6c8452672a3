// Package rendezvous knows which peers serve what: it implements [mpi.Pools] and
// [frame.Greeter] over a libp2p host and libp2p discovery. docs/pools.md tells the same
// from the outside.
//
// # Parts
//
// The view is a state machine without I/O: what happened goes in through its methods,
// each with the time; what is to be done comes out of next. It holds the peers that
// said hello, the candidates that others named, and the pools that this node serves or
// was asked about. A [Service] owns one view under its mutex, feeds it the host's events,
// the hellos of peers and the outcome of what it asked for, and does what next says.
//
// # Belief
//
// A peer is in view only by its own hello, over a connection that proves its ID. What
// it says of others are hints: they are checked by a hello to the peer they name, and
// each source, and all together, can cause only so many of them. A hint from a peer that we
// reach over a public address cannot make us dial a private one.
package rendezvous
