package mpi

import (
	"context"
	"io/fs"
	"time"
)

// Transport carries frames between this node and its peers, each once and in order for
// as long as a session lasts. mpi/p2p implements it over libp2p.
type Transport interface {
	// Self is this node's peer ID.
	Self() PeerID
	// ParsePeer reads a peer ID in any of its spellings: base58, CID, or the end of a
	// multiaddr ("/p2p/…").
	ParsePeer(s string) (PeerID, error)
	// Start takes frames from peers and gives them to h until Close.
	Start(h Receiver) error
	// Send queues f for the peer, opening a session if there is none, and returns once f
	// is within the peer's credit: from then on it arrives once, or h.Lost is called with
	// the session's number. Sessions are numbered upwards from 1 over this node's
	// life. An error means that f was not and will not be sent: one that wraps
	// [ErrUnreachable] when no session could be had, [ErrRefused] when the peer's policy
	// keeps us out, [ErrTooLarge] when f is over the peer's limit, or ctx's own.
	Send(ctx context.Context, to PeerID, f Frame) (session uint64, err error)
	// Close says goodbye on every session, waits for what it started, within ctx.
	Close(ctx context.Context) error
}

// JobTransport is the [Transport] for the frames of jobs.
type JobTransport interface {
	Transport
	// Post is Send without waiting, in the order of the calls of both: what there is no credit for yet is kept, so whoever calls it bounds
	// what it calls it for. It keeps nothing of f. If f will never be sent, failed is called once, from another goroutine, unless
	// the transport is closed.
	Post(to PeerID, f Frame, failed func(error))
	// Watch makes sure that a session to the peer is lost soon if the peer is gone, until stop is called. It opens none.
	Watch(PeerID) (stop func())
}

// Errors of [Transport.Send].
var (
	ErrUnreachable = transportError("peer unreachable")
	ErrRefused     = transportError("peer refuses us")
	ErrTooLarge    = transportError("over the peer's size limit")
)

type transportError string

func (e transportError) Error() string { return string(e) }

// Receiver is given what a [Transport] takes from peers. Its methods return at once.
type Receiver interface {
	// Receive is called in order for the frames of one peer, at the same time for several.
	// The receiver owns f, but for the Data of a Packet, which is valid only until it returns.
	Receive(from PeerID, f Frame)
	// Lost says that the session is over: what was sent on it and has no Accept, Refuse or
	// Done yet never will. It is called once for each session that ends, after the last frame.
	Lost(peer PeerID, session uint64, why error)
}

// Pools knows which peers serve what. mpi/rendezvous implements it over libp2p discovery.
type Pools interface {
	Start() error
	// Serve replaces what this node advertises and tells its peers so.
	Serve(list []Interpreter)
	// Peers are the members of a pool that answered a hello, without this node, sorted, and
	// the time of the last lookup in the network that ended; zero if none has.
	Peers(program CID) ([]PeerID, time.Time)
	// Refresh asks connected peers and the network for the pool's members and returns when
	// the view is complete as far as can be told, or with ctx's error.
	Refresh(ctx context.Context, program CID) error
	// Discover asks connected peers and the network for any peer that speaks the protocol.
	Discover(ctx context.Context) error
	// Known are all peers that answered a hello, sorted by ID.
	Known() []Member
	// Suspect asks to check a peer that did not answer: it stays in the view only if it
	// answers a hello now.
	Suspect(PeerID)
	// Close says goodbye to the peers in view and waits for what it started, within ctx.
	Close(ctx context.Context) error
}

// Exchanger sends a hello and returns the peer's own. mpi/p2p implements it for
// mpi/rendezvous. An error wraps [ErrUnreachable] or [ErrRefused] where that is the cause,
// or [ErrVersion].
type Exchanger interface {
	Exchange(ctx context.Context, to PeerAddrs, mine Hello) (Hello, error)
}

// ErrVersion means that a peer speaks the protocol in another version.
var ErrVersion = transportError("peer speaks another version of the protocol")

// Greeter answers a peer's hello; ok is false to say nothing. mpi/rendezvous implements it for
// mpi/p2p. It returns at once.
type Greeter interface {
	Greet(from PeerID, theirs Hello) (mine Hello, ok bool)
}

// Store is the set of interpreters that this node may serve. mpi/store implements it over
// Kubo's CoreAPI.
type Store interface {
	// Start resolves the store in the background and calls update, from one goroutine at a
	// time, with the whole set whenever it changes.
	Start(update func([]Interpreter)) error
	// Open returns the files of a program, one of the store's or any other CID, fetching them
	// as needed.
	Open(ctx context.Context, program CID) (*Bundle, error)
	// Add puts a program's bytes into IPFS, where peers can fetch them, and returns the CID of a directory with them as run.wasm. They are
	// kept like what the store no longer serves, and for an hour at least after they were added or opened last; without room for them,
	// the last 16 of them are.
	Add(ctx context.Context, wasm []byte) (CID, error)
	// ParseCID reads a CID in any spelling and makes it canonical.
	ParseCID(s string) (CID, error)
	// Status tells how the store stands.
	Status() StoreStatus
	Close(ctx context.Context) error
}

// Bundle is the files of one interpreter.
type Bundle struct {
	Run   []byte // run.wasm
	Init  []byte // init.wasm, nil if there is none
	Files fs.FS  // everything in the directory, read-only
}

// StoreStatus is a picture of a [Store].
type StoreStatus struct {
	Path    string        `json:"path"`              // as configured; empty for a node without a store
	Root    CID           `json:"root,omitempty"`    // what the path resolved to
	Error   string        `json:"error,omitempty"`   // of the last try to resolve or fetch it
	Skipped []Skipped     `json:"skipped,omitempty"` // what is in the store and not served
	Serves  []Interpreter `json:"serves"`
	Bytes   int64         `json:"bytes"` // kept pinned, of those served and those not yet forgotten
}

// Skipped is an entry of the store that is not served.
type Skipped struct {
	Path string `json:"path"` // within the store
	Why  string `json:"why"`
}

// Runtime compiles programs. mpi/wasm implements it over wasmtime.
type Runtime interface {
	// Compile readies a program for execution. key is what the result may be cached under on
	// disk: a name for exactly these bytes.
	Compile(ctx context.Context, key string, wasm []byte) (Program, error)
	Close() error
}

// Program is compiled code, safe for use by many goroutines.
type Program interface {
	// MPI reports whether the program imports MPI functions. If not it is a handler.
	MPI() bool
	// Run makes one instance, runs its _start to the end and discards it. It always comes
	// back: at the latest about a tick (10 ms) after x.Timeout, or after ctx ends where the program
	// is in a host call. It never panics for anything a guest does.
	Run(ctx context.Context, x Exec) Outcome
	// Close frees the code once the last Run is over.
	Close() error
}

// Exec is what one instance gets and what it may use.
type Exec struct {
	Args    []string
	Env     []string // "KEY=value"
	Stdin   []byte
	Files   fs.FS         // preopened read-only as "/" (and "."); nil for none
	Memory  int64         // bytes of linear memory at most
	Timeout time.Duration // wall clock
	Output  int           // bytes on standard output at most
	// Stderr, if set, is given each whole line of standard error as it comes, without its
	// newline, cut at 4 KiB, and at most some hundred of them.
	Stderr func(line string)

	// For ranks of a job, run by a [Gang]:
	MPI     Library  // answers the MPI functions
	Streams *Streams // instead of Stdin, Output and Stderr
	Scratch *Scratch // where it may write files; nil for nowhere
}

// Outcome is how an instance ended. Reason is empty for success: an exit with code 0.
type Outcome struct {
	Stdout  []byte
	Stderr  []byte // the last [MaxStderr] bytes
	Reason  Reason // "", Trapped, Exited, TimedOut, OutOfMemory, OutputLimit, Cancelled or Internal
	Exit    int    // with Exited
	Detail  string // for people
	Memory  int64  // bytes of linear memory at its end
	Elapsed time.Duration
}
