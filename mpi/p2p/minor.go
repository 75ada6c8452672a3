package p2p

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// Minor versions of a protocol. A node serves all that it knows, each under its own ID: one that it
// does not know must not seem to be known. It opens the newest that the peer is known to serve.

// minors are the versions of the transport's protocol, the newest first.
func (t *Transport) minors() []protocol.ID {
	return append([]protocol.ID{t.cfg.Protocol}, t.cfg.Older...)
}

// versions are those in which a stream of the session may be opened: the session's own once it has
// one.
func (o *outbound) versions() []protocol.ID {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.version != "" {
		return []protocol.ID{o.version}
	}
	return o.t.minors()
}

// fitsVersion is an error if the peer does not know a message: it speaks an older version. mu is
// held.
func (o *outbound) fitsVersion(body message) error {
	if o.version == o.t.cfg.Protocol || o.version == "" || !wire.Since22(body[headroom:]) {
		return nil
	}
	return fmt.Errorf("p2p: send to %s: %w: it speaks %s, and this takes %s", o.name, frame.ErrVersion, o.version, o.t.cfg.Protocol)
}
