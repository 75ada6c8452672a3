package frame

import "github.com/ipfs-mpi/ipfs-mpi/mpi"

// Hello is what a node says of itself when peers meet, and again whenever it changes.
// One is sent and one comes back (docs/protocol.md).
type Hello struct {
	Agent        string            // software and version, "ipfs-mpi/0.1.0", for people
	HandlerSlots uint32            // instances of handlers that it runs at once
	Serves       []mpi.Interpreter // what it serves now, at most [mpi.MaxServes]
	// Members are hints: for pools that the receiver asked about or serves too, the peers
	// the sender knows. A receiver believes none before that peer's own hello.
	Members []Members
	// Wants are pools whose members the sender would like to hear of, besides those it serves.
	Wants []mpi.CID
	// Leaving is goodbye: the sender serves nothing from now on. Nothing comes back.
	Leaving bool
}

// Members is a part of one pool, as one peer knows it.
type Members struct {
	Program mpi.CID
	Peers   []PeerAddrs
}

// PeerAddrs is a peer and where it was last seen, as multiaddrs in text.
type PeerAddrs struct {
	Peer  mpi.PeerID
	Addrs []string
}

// Limits on a hello, besides [mpi.MaxServes]. A larger one is refused before it is read.
const (
	MaxWants       = 256
	MaxPools       = 256 // in Members
	MaxPoolMembers = 64  // for each pool
	MaxAddrs       = 8   // for each peer
	MaxAddrLen     = 256 // bytes of a multiaddr in text
	MaxHello       = 1 << 20
)
