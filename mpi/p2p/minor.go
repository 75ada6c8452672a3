package p2p

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// Minor versions of a protocol. A node serves all that it knows, each under its own ID: one that it
// does not know must not seem to be known. It opens the newest that the peer is known to serve.

// minors are the versions of the transport's protocol, the newest first.
func (t *Transport) minors() []protocol.ID {
	return append([]protocol.ID{t.cfg.Protocol}, t.cfg.Older...)
}

// identifyWait bounds the wait for what a peer that was just connected says of itself.
const identifyWait = 2 * time.Second

// identified is the protocols that a peer serves, as far as it has said so. On a new connection it
// may be about to.
func (t *Transport) identified(p peer.ID) []protocol.ID {
	sub, err := t.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err == nil {
		defer sub.Close()
		late := time.NewTimer(identifyWait)
		defer late.Stop()
		for waits := true; waits; {
			if has, err := t.host.Peerstore().SupportsProtocols(p, identify.ID); err != nil || len(has) > 0 {
				break
			}
			select {
			case <-sub.Out():
			case <-late.C:
				waits = false
			case <-t.ctx.Done():
				waits = false
			}
		}
	}
	known, _ := t.host.Peerstore().GetProtocols(p)
	return known
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

// inVersion leaves out of a message what the peer's version does not know. mu is held.
func (o *outbound) inVersion(body message) message {
	if o.version == o.t.cfg.Protocol || o.version == "" {
		return body
	}
	return body[:headroom+len(wire.As10(body[headroom:]))]
}
