package rendezvous

import (
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/discovery"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// General is the namespace that every node advertises, whatever it serves.
const General = "/ipfs-mpi/1.0.0"

// Namespace is where the members of a program's pool advertise; of the empty program,
// it is [General].
func Namespace(program mpi.CID) string {
	if program == general {
		return General
	}
	return General + "/" + string(program)
}

// general stands for the pool of all peers that speak the protocol. No hello can name it:
// an empty CID is dropped from every one.
const general mpi.CID = ""

// Config is what a [Service] needs. Host, Exchanger and Protocol are required.
type Config struct {
	Host      host.Host
	Exchanger frame.Exchanger
	// Protocol is the ID of the stream protocol whose speakers are asked.
	Protocol string
	// Discovery finds and tells in the network. If nil, Routing is used; if that is nil
	// too, only connected peers and those that they name are found. Its methods must return
	// soon after their context ends.
	Discovery discovery.Discovery
	Routing   routing.ContentRouting
	// Agent and HandlerSlots are said in every hello.
	Agent        string
	HandlerSlots uint32
	// Admit tells which peers may be asked, answered and in view; nil admits all. It
	// returns at once and calls nothing of this package.
	Admit  func(mpi.PeerID) bool
	Log    *slog.Logger // nil: nothing is logged
	Timing Timing
}

// Timing holds the intervals of a [Service]. A zero field takes the default.
type Timing struct {
	// Stale is the age of a hello at which its peer is asked again. Default 5 min.
	Stale time.Duration
	// Probe bounds one exchange of hellos, dialling included. Default 10 s.
	Probe time.Duration
	// Refresh bounds one [Service.Refresh] or [Service.Discover]. Default 3 s.
	Refresh time.Duration
	// Interest is how long a pool not served here is followed after the last Refresh.
	// Default 10 min.
	Interest time.Duration
	// BackoffMin and BackoffMax bound the pauses between lookups of a pool, and between
	// attempts after a failure; they double in between. Defaults 1 s and 5 min.
	BackoffMin, BackoffMax time.Duration
	// Lookup bounds one search in the network. Default 30 s.
	Lookup time.Duration
	// Advertise is the pause before the first repetition of a successful advertisement; the
	// pauses double up to half of the lifetime that discovery promises. Default 1 min.
	Advertise time.Duration
}

func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.Stale, 5*time.Minute)
	set(&t.Probe, 10*time.Second)
	set(&t.Refresh, 3*time.Second)
	set(&t.Interest, 10*time.Minute)
	set(&t.BackoffMin, time.Second)
	set(&t.BackoffMax, 5*time.Minute)
	set(&t.Lookup, 30*time.Second)
	set(&t.Advertise, time.Minute)
	return t
}

// limits bound what peers can make the view hold or do.
type limits struct {
	peers      int           // in view
	bytes      int           // of all hellos in view, about
	share      int           // of them one hello keeps, where all do not fit
	candidates int           // known of, not in view
	probes     int           // at once, for peers in view or connected, and again for others
	lookups    int           // at once, besides those that a Refresh waits for
	adverts    int           // at once
	found      int           // peers taken from one lookup
	tries      int           // failures in a row after which a peer is forgotten
	sourceHint int           // hints looked at of one peer: at once, and then per minute
	allHints   int           // hints taken of all peers together: at once, and then per minute
	toldPeers  int           // named in one hello of ours
	toldBytes  int           // of addresses in one hello of ours
	addrs      int           // kept of one candidate
	handshakes int           // broken off in a row that a peer in view survives
	yield      time.Duration // the higher peer ID dials this much later than the lower
	gap        time.Duration // between two probes of one peer, at least
	fresh      time.Duration // an answer younger than this is not asked for again by Refresh
	again      time.Duration // after a failure, before a Refresh tries the peer again
	forget     time.Duration // how long a peer that is gone is remembered as such
	left       time.Duration // the same after a goodbye
}

func defaultLimits() limits {
	return limits{
		peers: 4096, bytes: 32 << 20, share: 8 << 10, candidates: 1024,
		probes: 16, lookups: 4, adverts: 4, found: 100, tries: 5,
		sourceHint: 128, allHints: 512, toldPeers: 512, toldBytes: 256 << 10, addrs: 2 * frame.MaxAddrs,
		handshakes: 3, yield: 150 * time.Millisecond,
		gap: 100 * time.Millisecond, fresh: time.Second, again: 30 * time.Second,
		forget: 30 * time.Minute, left: time.Minute,
	}
}
