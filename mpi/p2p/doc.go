// Package p2p carries frames between peers over libp2p. It implements [frame.Transport] and
// [frame.Exchanger]; docs/protocol.md specifies what it says on the wire.
//
// # Sessions
//
// A session goes one way and belongs to its sender, who opens a stream for it; only
// acknowledgements come back on that stream. Frames are numbered, kept until they are acknowledged,
// and sent again on a new stream when the old one breaks. The receiver takes each number once. So a
// session outlives its stream and its connection. It ends, and [frame.Receiver] is told, when the
// peer's process is gone, when nothing has come for a time of grace, when the peer ends it, or when
// the peer has restarted (its incarnation differs).
//
// Where a stream is silent or broken, a search (search.go) looks for a better one. It makes one
// attempt at a time: on a connection that there is, or on one that it dials. A silent stream stays
// while the search goes on: whichever is heard first stays. A scout (scout.go) dials beside
// whatever connection there is, and tells a peer that is gone from one that is silent.
//
// A session lasts as long as the peer answers pings, however idle. The layer above may wait hours
// for a Done that comes on the peer's own session; the end of this session tells it that none will.
//
// Two sessions in opposite directions are independent but for one case. When a node gives up its
// session to a peer, it also ends the peer's session to itself, if it can still reach the peer: the
// answers that the peer waits for will not come.
//
// # Writing
//
// A Send on an idle session writes its frame from the caller's goroutine. While a write is under
// way, or within a burst of Sends, frames are queued, and the session's writer takes all that are
// queued with one write. Nothing waits for more frames to come. The receiver parses all frames of
// one read, and acknowledges many with one Ack.
//
// # Dialling
//
// Where two peers have lost their connection, the lower peer ID dials first, and the other a moment
// later: see dialYield. A receiver whose stream has broken dials too, after a while: see reach.
//
// # Goroutines
//
// A session costs its sender two goroutines (run, which writes, and listen, which reads
// acknowledgements), those of a search while there is one, and its receiver two (libp2p's own for
// the handler, which reads, and an acker, which writes). All are joined by [Transport.Close].
package p2p
