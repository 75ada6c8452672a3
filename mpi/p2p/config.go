package p2p

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// Config tunes a [Transport]. The zero value is good.
type Config struct {
	// Protocol is the ID of the sessions' protocol. Default [SessionProtocol]; see [ForJobs].
	Protocol protocol.ID
	// Older are the IDs of older versions of it that are spoken too, the newest first.
	Older []protocol.ID
	// Admit is the policy: who may talk to this node, and to whom it talks. Nil admits all. It is
	// asked for the peer at the other end only. Whether a message's origin is admitted is for the
	// layer above to ask, which can refuse that one message.
	Admit func(mpi.PeerID) bool
	// Policy counts what peers are refused. Nil does not.
	Policy *policy.Policy
	// Grace is how long a session may be silent before it is lost. Default [frame.DefaultGrace].
	Grace time.Duration
	// A sender that hears nothing for PingEvery sends a Ping, and gives up the stream when nothing
	// comes for PingTimeout more. Defaults 5 s and 10 s.
	PingEvery, PingTimeout time.Duration
	// WatchEvery and WatchTimeout are the same for a peer that is watched. Defaults 250 ms and 750
	// ms.
	WatchEvery, WatchTimeout time.Duration
	// DialTimeout bounds the opening of a session, from dialling to the answer. Default 10 s.
	DialTimeout time.Duration
	// HandshakeTimeout bounds the time from a peer's opening of a stream to its Open. Default 10 s.
	HandshakeTimeout time.Duration
	// HelloTimeout bounds an exchange of hellos, either side. Default 10 s.
	HelloTimeout time.Duration
	// AckDelay is how long an acknowledgement is delayed, to cover later frames too. Default 5 ms.
	AckDelay time.Duration
	// Window is the credit given to each peer, and the most that is used of theirs, in bytes.
	// Default 4 MiB.
	Window int
	// MaxFrame is the largest frame taken, in bytes: a message's data and some 400 more. Default 4
	// MiB and 64 KiB, at least [wire.MinMaxFrame].
	MaxFrame int
	// MaxQueued is how many bytes of frames not yet acknowledged are held for all peers together,
	// beyond one frame for each. Default 256 MiB.
	MaxQueued int
	// MaxSessions bounds the sessions in each direction. Default 4096.
	MaxSessions int
	// Routing finds addresses of peers that none of those known reaches any more. Nil for none.
	Routing PeerFinder
	// Log gets what an operator may want to know. Nil discards it.
	Log *slog.Logger
}

// PeerFinder is the part of libp2p's PeerRouting that a [Transport] needs.
type PeerFinder interface {
	FindPeer(context.Context, peer.ID) (peer.AddrInfo, error)
}

// ForJobs is c for a transport of jobs.
func ForJobs(c Config) Config {
	c.Protocol, c.Older = JobProtocol, []protocol.ID{JobProtocol21}
	return c
}

func (c Config) withDefaults() Config {
	duration := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	size := func(n *int, def, least, most int) {
		if *n <= 0 {
			*n = def
		}
		*n = min(max(*n, least), most)
	}
	duration(&c.Grace, frame.DefaultGrace)
	duration(&c.PingEvery, 5*time.Second)
	c.PingEvery = min(c.PingEvery, silence/4) // receivers give up after silence
	duration(&c.PingTimeout, 10*time.Second)
	duration(&c.WatchEvery, 250*time.Millisecond)
	duration(&c.WatchTimeout, 750*time.Millisecond)
	duration(&c.DialTimeout, 10*time.Second)
	duration(&c.HandshakeTimeout, 10*time.Second)
	duration(&c.HelloTimeout, 10*time.Second)
	duration(&c.AckDelay, 5*time.Millisecond)
	size(&c.Window, 4<<20, wire.MinWindow, 1<<30)
	size(&c.MaxFrame, 4<<20+64<<10, wire.MinMaxFrame, wire.MaxMaxFrame)
	size(&c.MaxQueued, 256<<20, 0, math.MaxInt)
	size(&c.MaxSessions, 4096, 1, 1<<20)
	if c.Protocol == "" {
		c.Protocol, c.Older = SessionProtocol, []protocol.ID{SessionProtocol10}
	}
	if c.Admit == nil {
		c.Admit = func(mpi.PeerID) bool { return true }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
