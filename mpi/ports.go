package mpi

import (
	"context"
	"io/fs"
	"time"
)

// Pools knows which peers serve what. mpi/rendezvous implements it over libp2p discovery.
type Pools interface {
	Start() error
	// Serve replaces what this node advertises and tells its peers so.
	Serve(list []Interpreter)
	// Peers are the members of a pool that answered a hello, without this node, sorted, and
	// the time of the last lookup in the network that ended; zero if none has.
	Peers(program CID) ([]PeerID, time.Time)
	// Refresh asks connected peers and the network for the pool's members. It returns when all of
	// them have answered or failed, or with ctx's error.
	Refresh(ctx context.Context, program CID) error
	// Discover asks connected peers and the network for any peer that speaks the protocol.
	Discover(ctx context.Context) error
	// Known are all peers that answered a hello, sorted by ID.
	Known() []Member
	// Suspect sends a hello to a peer that did not answer. Without an answer the peer leaves the
	// view.
	Suspect(PeerID)
	// Close says goodbye to the peers in view and waits for what it started, within ctx.
	Close(ctx context.Context) error
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
	// Add puts a program's bytes into IPFS, where peers can fetch them, and returns the CID of a
	// directory with them as run.wasm. They are kept for at least an hour after they were added or
	// opened last, and longer while there is room; if room is short, the last 16 are kept.
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
	// as configured; empty for a node without a store
	Path    string        `json:"path"`
	Root    CID           `json:"root,omitempty"`    // what the path resolved to
	Loading bool          `json:"loading,omitempty"` // some of it is still to be found, or fetched
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

// Member is a peer that answered a hello.
type Member struct {
	Peer         PeerID        `json:"peer"`
	Agent        string        `json:"agent"`
	HandlerSlots uint32        `json:"slots"`
	Serves       []Interpreter `json:"serves"`
	// OtherVersion says which protocols it speaks in versions that this node does not, for people.
	// Such a peer may be of no pool.
	OtherVersion string `json:"otherVersion,omitempty"`
}
