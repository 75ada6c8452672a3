package p2p

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// errDenied ends a session to a peer that the policy does not admit any more.
var errDenied = &fatalError{told: true, err: fmt.Errorf("%w: this node's own policy does not admit it any more", frame.ErrRefused)}

// Reconsider ends the sessions with peers that the policy does not admit any more, both ways, and
// returns with how many peers there were any.
func (t *Transport) Reconsider() (ended int) {
	denied := map[mpi.PeerID]bool{}
	t.mu.RLock()
	var outs []*outbound
	for name, o := range t.outs {
		if !t.cfg.Admit(name) {
			outs = append(outs, o)
			denied[name] = true
		}
	}
	t.mu.RUnlock()
	for _, id := range t.ins.peersNow() {
		if name := mpi.PeerID(id.String()); !t.cfg.Admit(name) {
			t.ins.end(id, wire.CloseDenied)
			denied[name] = true
		}
	}
	for _, o := range outs {
		o.end(errDenied)
	}
	return len(denied)
}

// peersNow are those with a session that is not over.
func (n *inbounds) peersNow() (list []peer.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, in := range n.peers {
		if !in.dead {
			list = append(list, id)
		}
	}
	return list
}
