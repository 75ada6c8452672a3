// Package match is point-to-point message passing between the ranks of one job (MPI 5.0, chapter 3): envelopes, matching,
// protocols, progress. A [World] is the ranks of the job on this node; those of other nodes are reached by a [Link].
package match

import (
	"context"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Link carries packets to ranks on other nodes, in order for each node. node implements it.
type Link interface {
	// Send takes a packet and returns once there is room for it, or with an error when the job is over. It does not keep
	// p.Data. It may block.
	Send(ctx context.Context, p mpi.Packet) error
	// Put takes a packet that has no or little Data, and returns at once. It is for answers, of which there are only
	// as many as there were packets.
	Put(p mpi.Packet)
}

// Config of a [World]. The zero value of a limit is its default.
type Config struct {
	Size  int   // ranks of the job
	Local []int // those on this node
	Link  Link  // nil if all are
	Eager int   // bytes of a message at most that is sent before it is matched; 64 KiB
	Room  int   // bytes of unmatched messages that one rank holds for another; 256 KiB
	Queue int   // requests of one rank at once; 1 << 18
	// Cores is how many ranks may spin at once while they wait; 0 for what the machine has. -1 for never.
	Cores int
}

// World is the ranks of one job on this node. It is safe for use by many goroutines.
type World struct{ endpoints map[int]*Endpoint }

// New makes a world. It starts nothing.
func New(ctx context.Context, cfg Config) *World { panic("not built") }

// Endpoint is where a local rank sends and receives.
func (w *World) Endpoint(rank int) *Endpoint { return w.endpoints[rank] }

// Receive takes a packet from another node. It returns at once. A packet that breaks the protocol is an error, and harms nothing:
// the packets of a peer are what a stranger sent.
func (w *World) Receive(p mpi.Packet) error { panic("not built") }

// Abort ends the job on this node: whatever waits, now and later, returns err.
func (w *World) Abort(err error) { panic("not built") }

// Close ends what the world started and waits for it. No endpoint is used after it.
func (w *World) Close() { panic("not built") }

// Envelope says to whom a message goes, or from whom it is wanted.
type Envelope struct {
	Context uint64 // of the communicator; pt2pt and collectives of one have different ones
	Peer    int    // rank in the job: the receiver of a send; for a receive the sender, or AnySource
	Source  int32  // rank in the communicator: of this endpoint for a send; of the sender, or AnySource, for a receive
	Tag     int32  // AnyTag for any
}

// Wildcards of a receive (MPI 5.0, 3.2.4).
const (
	AnySource = -1
	AnyTag    = -2
)

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
	// Truncated means that the message was longer than the buffer: Bytes is how much there was room for.
	Truncated bool
}

// Request is a send or a receive under way. The zero value is ready for use, again and again after it is done, and must
// not be copied. It is done when Done says so; then Status and Err are set.
type Request struct {
	Status Status
	Err    error // of the job: it was aborted
	// Then, if set, is run once the request is done, as a task of its endpoint (see [Endpoint.Post]). It is reset by it.
	Then func()
}

// Done reports whether the request is complete. It takes no lock.
func (r *Request) Done() bool { panic("not built") }

// Message is a message that was matched by a probe and not received yet (MPI 5.0, 3.8.2).
type Message struct{ Status Status }

// Endpoint is one rank's end. All of its methods but Post belong to the rank's own goroutine, or to tasks given to Post.
type Endpoint struct{}

// Send starts to send b. b must not change until r is done.
func (e *Endpoint) Send(r *Request, env Envelope, b datatype.Buffer, mode Mode) { panic("not built") }

// Recv starts to receive into b, which passed its check.
func (e *Endpoint) Recv(r *Request, env Envelope, b datatype.Buffer) { panic("not built") }

// Probe looks for a message without receiving it.
func (e *Endpoint) Probe(env Envelope) (Status, bool) { panic("not built") }

// Take is a matched probe: the message can be received by RecvMessage alone from now on.
func (e *Endpoint) Take(env Envelope) (*Message, bool) { panic("not built") }

// RecvMessage starts to receive a message that Take found.
func (e *Endpoint) RecvMessage(r *Request, m *Message, b datatype.Buffer) { panic("not built") }

// Cancel takes a request back if nothing has matched it; r.Status.Cancelled says whether it did, once r is done. (MPI 5.0, 3.8.4)
func (e *Endpoint) Cancel(r *Request) { panic("not built") }

// Wait runs tasks, and returns once ready says so, which is asked again after each request of this endpoint that is
// done; or with the error the world was aborted with. It spins a little, then parks.
func (e *Endpoint) Wait(ready func() bool) error { panic("not built") }

// Poll runs the tasks that are there, without waiting, and returns the error the world was aborted with, if it was.
func (e *Endpoint) Poll() error { panic("not built") }

// Post gives the endpoint a task to run soon, one at a time: by the rank itself if it waits or polls, or else by a goroutine of
// the world. With own only the rank itself may run it: it calls back into the guest. Any goroutine may call it, holding no lock.
func (e *Endpoint) Post(task func(), own bool) { panic("not built") }

// Close takes back whatever the endpoint has under way and returns when nobody touches its buffers any more: the rank has
// ended, and its memory goes.
func (e *Endpoint) Close() { panic("not built") }
