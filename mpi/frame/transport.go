package frame

import (
	"context"
	"errors"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Transport carries frames between this node and its peers, each once and in order for
// as long as a session lasts. mpi/p2p implements it over libp2p.
type Transport interface {
	// Self is this node's peer ID.
	Self() mpi.PeerID
	// ParsePeer reads a peer ID in any of its spellings: base58, CID, or the end of a
	// multiaddr ("/p2p/…").
	ParsePeer(s string) (mpi.PeerID, error)
	// Start takes frames from peers and gives them to h until Close.
	Start(h Receiver) error
	// Send queues f for the peer, opening a session if there is none, and returns once f
	// is within the peer's credit: from then on it arrives once, or h.Lost is called with
	// the session's number. Sessions are numbered upwards from 1 over this node's
	// life. An error means that f was not and will not be sent: one that wraps
	// [ErrUnreachable] when no session could be had, [ErrRefused] when the peer's policy
	// keeps us out, [ErrTooLarge] when f is over the peer's limit, or ctx's own.
	Send(ctx context.Context, to mpi.PeerID, f Frame) (session uint64, err error)
	// Close says goodbye on every session, waits for what it started, within ctx.
	Close(ctx context.Context) error
}

// Queuer is what a [Transport] may be able to do besides.
type Queuer interface {
	// Queue is Send where that need not wait, in the order of the calls of both. It never waits for
	// the peer. It is false if Send would have to wait, or would fail; then nothing was done. What
	// it queued may be written only once Flush is called.
	Queue(to mpi.PeerID, f Frame) (session uint64, ok bool)
	// Flush has what was queued for the peer written, from the caller's goroutine if write is set
	// and that does not wait for the peer.
	Flush(to mpi.PeerID, write bool)
}

// Watcher is what a [Transport] may be able to do besides.
type Watcher interface {
	// Watch has the silence of a peer noticed within a second, until stop is called. A session to
	// the peer may be silent for grace before it is lost: the longest of all watchers counts, and
	// what the transport allows to any. It opens no session.
	Watch(peer mpi.PeerID, grace time.Duration) (stop func())
}

// JobTransport is the [Transport] for the frames of jobs.
type JobTransport interface {
	Transport
	Watcher
	// Post is Send without waiting, in the order of the calls of both: what there is no credit for
	// yet is kept, so whoever calls it bounds what it calls it for. It keeps nothing of f. If f
	// will never be sent, failed is called once, from another goroutine, unless the transport is
	// closed.
	Post(to mpi.PeerID, f Frame, failed func(error))
	// Forget drops the Packets of a job, named by its JobKey, that were posted for the peer and
	// wait for credit. Their failed is not called.
	Forget(to mpi.PeerID, job [16]byte)
	// Posted is how many bytes of Packets of a job were posted for the peer and wait for credit.
	Posted(to mpi.PeerID, job [16]byte) int64
}

// DefaultGrace is how long a session may be silent before it is lost, where nobody says.
const DefaultGrace = mpi.DefaultJobGrace

// Errors of [Transport.Send].
var (
	ErrUnreachable = transportError("peer unreachable")
	ErrRefused     = transportError("peer refuses us")
	ErrTooLarge    = transportError("over the peer's size limit")
	// ErrHandshake means that a peer took the connection and the handshake broke off, as it does
	// where both dial at the same moment. The peer may be there: ask again soon.
	ErrHandshake = transportError("connection broke off in its handshake")
)

// Why a session was lost, where neither side ended it. See [Receiver.Lost].
var (
	// ErrGone means that the peer's process has ended: its address refuses connections.
	ErrGone = transportError("the peer's process has ended")
	// ErrSilent means that nothing came from the peer for the whole grace.
	ErrSilent = transportError("the peer is silent")
	// ErrRestarted means that the peer runs in another incarnation: what it knew is gone.
	ErrRestarted = transportError("the peer has restarted: what it knew is gone")
)

type transportError string

func (e transportError) Error() string { return string(e) }

// ReasonOf is the reason that an error of [Transport.Send] or [JobTransport.Post] stands for:
// Refused, TooLarge, OtherVersion, TimedOut, Cancelled, else Unreachable.
func ReasonOf(err error) mpi.Reason {
	switch {
	case errors.Is(err, ErrRefused):
		return mpi.Refused
	case errors.Is(err, ErrTooLarge):
		return mpi.TooLarge
	case errors.Is(err, ErrVersion):
		return mpi.OtherVersion
	case errors.Is(err, context.DeadlineExceeded):
		return mpi.TimedOut
	case errors.Is(err, context.Canceled):
		return mpi.Cancelled
	}
	return mpi.Unreachable
}

// Receiver is given what a [Transport] takes from peers. Its methods return at once.
type Receiver interface {
	// Receive is called in order for the frames of one peer, at the same time for several.
	// The receiver owns f, but for the Data of Packets, which is valid only until it returns.
	Receive(from mpi.PeerID, f Frame)
	// Lost says that the session is over: what was sent on it and has no Accept, Refuse or
	// Done yet never will. It is called once for each session that ends, after the last frame.
	// why wraps [ErrGone], [ErrSilent] or [ErrRestarted], or says that the peer, or this node,
	// ended the session.
	Lost(peer mpi.PeerID, session uint64, why error)
}

// SilenceReceiver is what a [Receiver] may be able to do besides.
type SilenceReceiver interface {
	// Silent says that nothing has come from the peer since a time, on a session that goes on: the
	// transport dials it anew. It is called once for each silence.
	Silent(peer mpi.PeerID, since time.Time, why string)
	// Heard ends a silence. So does Lost, without it.
	Heard(peer mpi.PeerID)
}

// UnsentReceiver is what a [Receiver] may be able to do besides.
type UnsentReceiver interface {
	// Unsent names the Delivers of a session whose Lost is called next of which nothing was sent:
	// the peer has not handled them.
	Unsent(peer mpi.PeerID, ids []uint64)
}

// Exchanger sends a hello and returns the peer's own. mpi/p2p implements it for
// mpi/rendezvous. An error wraps [ErrUnreachable], [ErrHandshake], [ErrRefused] or [ErrVersion]
// where that is the cause.
type Exchanger interface {
	Exchange(ctx context.Context, to PeerAddrs, mine Hello) (Hello, error)
}

// ErrVersion means that a peer speaks the protocol in another version.
var ErrVersion = transportError("peer speaks another version of the protocol")

// Greeter answers a peer's hello; ok is false to say nothing. mpi/rendezvous implements it for
// mpi/p2p. It returns at once.
type Greeter interface {
	Greet(from mpi.PeerID, theirs Hello) (mine Hello, ok bool)
}
