package p2p

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
)

// reaching are the pauses before the dials of a receiver. The sender of the session dials first.
var reaching = backoff.Policy{First: time.Second, Max: 8 * time.Second}

// maxReached bounds the peers that are dialled so at once.
const maxReached = 64

// reach sees to it that a peer whose session to this node has lost its stream finds a way back: it
// dials the peer until there is a connection, or a new stream, or the grace is over. The sender may
// have changed its address, or this node its own. Where this node has a session to the peer, that
// does it.
func (t *Transport) reach(p peer.ID, in *inbound) {
	name := mpi.PeerID(p.String())
	if !t.ins.beginReach(in) {
		return
	}
	if !t.enter() {
		t.ins.endReach(in)
		return
	}
	go func() { // counted by enter
		defer t.wg.Done()
		defer t.ins.endReach(in)
		ctx, cancel := context.WithTimeout(t.ctx, t.grace(name))
		defer cancel()
		for n := 1; backoff.Sleep(ctx, reaching.After(n)) == nil; n++ {
			t.mu.RLock()
			own := t.outs[name] != nil
			t.mu.RUnlock()
			if own || !t.ins.lacks(in) || t.host.Network().Connectedness(p) == network.Connected {
				return
			}
			dial, stop := context.WithTimeout(network.WithForceDirectDial(ctx, "sessions need a direct connection"), scoutDial)
			_, err := t.host.Network().DialPeer(dial, p)
			stop()
			t.cfg.Log.Debug("dialled a peer whose session has no stream", "peer", p, "err", err)
		}
	}()
}

// beginReach notes that a peer is dialled. It is false if it is already, or too many are.
func (n *inbounds) beginReach(in *inbound) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing || in.dead || in.reached || n.reached >= maxReached {
		return false
	}
	in.reached = true
	n.reached++
	return true
}

func (n *inbounds) endReach(in *inbound) {
	n.mu.Lock()
	defer n.mu.Unlock()
	in.reached = false
	n.reached--
}

// lacks reports whether a session that can be resumed has no stream.
func (n *inbounds) lacks(in *inbound) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !in.dead && in.latest == nil
}
