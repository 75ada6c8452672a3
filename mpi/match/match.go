// Package match is point-to-point message passing between the ranks of one job (MPI 5.0, chapter
// 3): envelopes, matching, protocols, progress. A [World] holds the ranks of the job on this node.
// A [Link] reaches the ranks of other nodes.
//
// # Mailboxes
//
// Each [Endpoint] is a mailbox: the receives its rank has posted, and the unexpected messages,
// which came before a receive for them. One mutex guards both. Both are hashed by context, sender
// and tag, and each entry has its place in the order of arrival, so that receives match in the
// order that the standard asks for (MPI 5.0, 3.5). A message looks in one bucket and among the
// receives with wildcards; a receive without wildcards looks in one bucket. A receive with a
// wildcard scans the unexpected messages in order of arrival.
//
// # Between ranks of one node
//
// A small message, of at most 104 bytes, goes through a ring, once some have gone from the same
// rank to the same other: see ring. The sender copies it into the ring, locks nothing, and its send
// is complete. The receiver takes it out in the calls that wait, poll, probe or receive, and
// matches it then. Whoever locks a mailbox to look for a message takes what is in the rings out
// first, so messages of one sender stay in order, whichever way they go. Rings are taken out of
// [Config].Room, and a rank has at most 32.
//
// For any other message the sender locks the receiver's mailbox. If a matching receive is posted,
// the sender copies from its own guest's memory to the receiver's, and both requests are complete.
// Otherwise a message of at most [Config].Eager bytes is copied to the host, if there is room for
// it, and the send is complete. Of any other message a note stays that names the sender's request;
// the receiver copies straight from the sender's memory when it posts its receive.
//
// Copies of more than a few KiB are done without the mutex: the memories of both ends are pinned
// meanwhile, and [Endpoint.Close] waits for pins.
//
// # Between nodes
//
// The packets are those of package frame. All nodes of a job have the same Config but for what is
// local.
//
//	sender                        receiver
//	  │ Eager ─────────────────────► │   up to Config.Eager bytes, within the credit
//	  │ ◄─────────────────────── Ack │   if it has an ID: a synchronous send
//	  │ ◄──────────────────── Credit │   from time to time
//	  │                              │
//	  │ Note ──────────────────────► │   before the Eager or RTS it is about, if it has one
//	  │ RTS ───────────────────────► │   more bytes, or no credit
//	  │ ◄─────────────────────── CTS │   when it is matched: how much is wanted
//	  │ Data… ─────────────────────► │   in order, straight from memory to memory
//	  │                              │
//	  │ Cancel ────────────────────► │   a message with an ID
//	  │ ◄────────────────── Canceled │
//	  │                              │
//	  │ Revoke ────────────────────► │   of a communicator; who hears it first tells all members
//	  │ Agree ─────────────────────► │   a message of an agreement: see package agree
//
// Every rank has credit for Config.Room bytes of eager messages to each other rank. A message costs
// its size and [Overhead]. The receiver gives credit back when messages are matched, in batches.
//
// # Processes
//
// A process is named by its rank at birth: its rank in the job's first MPI_COMM_WORLD. It keeps
// that name wherever it runs; [Link] knows its address. Communicators map their ranks to processes,
// and an [Envelope] names processes. One can fail, by [World.FailRank], without ending the world:
// what needs it ends with a [RankError], the rest goes on. Who ends a job for it is the job's
// policy. A [Scope] is a communicator as far as it matters here: who its members are, whether one
// of them revoked it, and what they agree on.
//
// # Progress
//
// Whoever completes a request does all that is left to do for it; the rank itself need not call.
// While a task is to follow a request of a rank that does not wait, senders deliver what they put
// into its rings, for the same reason.
// The owner, if it waits, is woken: it spins for a while, if spinning succeeded lately, and then
// parks on a word that the kernel wakes it by. What has to follow a request, such as the next step
// of a collective operation, is a task: see [Request.Then] and [Endpoint.Schedule].
package match

import (
	"context"
	"errors"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Link carries packets to ranks on other nodes. Packets to one node stay in order, whether sent by
// Send or by Post. Package ranks implements it.
type Link interface {
	// Send queues a packet and blocks until there is room for it. It fails when ctx ends or the
	// packet cannot be sent any more. It does not keep p.Data.
	Send(ctx context.Context, p frame.Packet) error
	// Post queues a packet with little or no Data and returns at once. It is for answers, of which
	// there are only as many as there were packets.
	Post(p frame.Packet)
}

// Config of a [World]. The zero value of a limit is its default.
type Config struct {
	Size  int   // ranks of the job
	Local []int // those on this node
	Link  Link  // nil if all ranks are on this node
	Eager int   // bytes of the largest message that is sent before it is matched; 64 KiB
	// Room is the bytes of unmatched messages that one rank holds for another; 256 KiB, less in a
	// job of very many ranks: see MaxHeld.
	Room int
	// Queue bounds the sends that a rank has under way. It posts a receive only while its sends and
	// receives are fewer together. So twice as many requests are under way at most, if the receives
	// come first; 1 << 18.
	Queue int
	// Cores is how many ranks can run at once; 0 for what the machine has. If more do, those that
	// spin yield their cores in between. -1: none spins, all park.
	Cores int
	// Load counts the ranks of all worlds that share the machine. Nil for only those of this one.
	Load *Load
	// Notes says that messages of other nodes may have notes.
	Notes bool
	// Fault, if set, is told of a panic beside the ranks' own calls, before the job is aborted for
	// it.
	Fault func(v any, stack []byte)
}

// The defaults of a [Config].
const (
	DefaultEager = 64 << 10
	DefaultRoom  = 256 << 10
	DefaultQueue = 1 << 18
)

// MaxHeld bounds the bytes of unmatched messages that one rank holds for all others together, where
// Config.Room is the default: 32 MiB of eager messages with their [Overhead], and 32 MiB of notes
// of messages of other nodes that are not eager. In memory an eager message of 0 bytes takes up to
// twice its Overhead.
const MaxHeld = 32 << 20

// minRoom is the least that Config.Room is by default: its share of MaxHeld in the largest job.
const minRoom = MaxHeld / mpi.MaxRanks

// noteBytes is more than what a note of a message takes in memory, with its place in the indexes.
const noteBytes = 256

// Overhead is what an eager message costs besides its bytes, of Config.Room and of the credit
// between nodes.
const Overhead = 128

// chunk is the bytes of a PacketData at most: while one is on its way, the next is copied. With all
// heads it is less than 64 KiB, which libp2p's multiplexer sends at once. What is over would cost a
// write of the connection, and wake the peer, for some bytes.
const chunk = 64<<10 - 512

// ErrQueue is the Err of a request that is one too many for [Config].Queue.
var ErrQueue = errors.New("match: too many requests at once: wait for some before starting more")

// Envelope says to whom a message goes, or from whom it is wanted.
type Envelope struct {
	Context uint64 // of the communicator; pt2pt and collectives of one have different ones
	Peer    int    // process: the receiver of a send; for a receive the sender, or AnySource
	// rank in the communicator: of this endpoint for a send; of the sender, or AnySource, for a
	// receive
	Source int32
	Tag    int32 // AnyTag for any
	// Scope is the communicator that the operation is on, for what ends it: a failure, or that the
	// communicator is revoked. Nil for none. A receive from AnySource may come from any of its
	// members.
	Scope *Scope
	// All says that the operation needs all members of Scope, as a part of a collective does. See
	// [World.FailRank].
	All bool
	// Note, of a send, goes with the message to whoever receives it. Nil for none. It does not
	// change.
	Note *Note
}

// Note is what a sender says of a message for whoever checks how messages are received. A message
// with a note does not go through a ring; between nodes a note is a packet of its own, right before
// the message. Only worlds with [Config].Notes take notes of other nodes.
type Note [NoteSize]byte

// NoteSize is the bytes of a note.
const NoteSize = 32

// Mode is how a send completes (MPI 5.0, 3.4).
type Mode byte

// The modes. A buffered send is a standard one of a copy.
const (
	Standard Mode = iota
	Synchronous
	Ready
)

// Status is what is known of a message that was received or found.
type Status struct {
	Source, Tag int32
	Bytes       int64
	Cancelled   bool
	// Truncated means that the message was longer than the buffer: Bytes is how much there was room
	// for.
	Truncated bool
	// of a message that was received, if its sender wrote one
	Note *Note
}

// Message is a message that was matched by a probe and not received yet (MPI 5.0, 3.8.2).
type Message struct {
	Status Status
	a      *unexpected
}
