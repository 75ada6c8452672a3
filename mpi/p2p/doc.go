// Package p2p carries frames between peers over libp2p. It implements [frame.Transport] and
// [frame.Exchanger]; docs/protocol.md specifies what it says on the wire.
//
// # Sessions
//
// A session goes one way and belongs to its sender, who opens a stream for it; only
// acknowledgements come back on that stream. Frames are numbered, kept until they are acknowledged, and sent
// again on a new stream when the old one breaks. The receiver takes each number once. So a
// session outlives its stream and its connection, for a time of grace. It ends, and
// [frame.Receiver] is told, when the grace is over, when the peer says that it is gone, or when
// the peer turns out to be another life of itself (its incarnation differs).
//
// Sessions are kept as long as the peer answers, however idle. The layer above may wait
// hours for a Done that comes on the peer's own session; what tells it that the wait is in vain is
// the end of this one.
//
// Two sessions in opposite directions know of each other in one case. When a node gives up its
// own session to a peer, it also ends the peer's session to itself, if it can still reach it: the peer waits for answers
// that will not come.
//
// # Goroutines
//
// A session costs its sender two goroutines (run, which dials and writes, and
// listen, which reads acknowledgements) and its receiver two (libp2p's own for the handler, which
// reads, and an acker, which writes). All are joined by [Transport.Close].
package p2p
