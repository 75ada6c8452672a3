package frame

import (
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The frames of a job, between its origin and each node that runs ranks of it. The origin is the
// one named in Job; a frame of the other party's is dropped. All ranks of a job on one node start
// and end together.
//
//	origin                            node
//	  │ Offer ──────────────────────────► │   how many ranks could you run?
//	  │ ◄───────────────────  Reservation │   so many, reserved for ReservationTime
//	  │ Place ──────────────────────────► │   these ranks; the node fetches and compiles
//	  │ ◄─────────────────────── Prepared │
//	  │ Start ──────────────────────────► │   when all are ready
//	  │ ◄───────────── Output…, FileChunk │
//	  │ OutputCredit… ──────────────────► │
//	  │ Input… ─────────────────────────► │   to the node of rank 0
//	  │ ◄─────────────────── InputCredit… │
//	  │ Look ───────────────────────────► │   now and then: what do the ranks do?
//	  │ ◄──────────────────────  Standing │   answers each Look
//	  │ ◄─────────────────────────── Exit │   of each rank
//	  │ ◄─────────────────────── PeerLost │   a node that this one lost, in a job that survives it
//	  │ RanksFailed ────────────────────► │   as the origin has decided
//	  │ Stop ───────────────────────────► │   at the end, or when one failed; answered by
//	  │ ◄──────────────────────── Stopped │   once nothing of the job is left there
//
// Packets go directly between the nodes of ranks. A node that loses its session with another node
// of the job tells the origin by Failed; in a job with Place.FT by PeerLost, and goes on.

// Offer asks for slots.
type Offer struct {
	Job     mpi.JobID
	Program mpi.CID
	Name    string // of the program, for people
	Ranks   uint32 // at most so many are wanted
	Memory  int64  // bytes for each; 0 for the node's own limit
	FT      bool   // the job survives its nodes: see Place
	Spares  bool   // some nodes will get Keep instead of Place
}

// Reservation answers Offer: how many rank slots the node reserves, for [ReservationTime]. If it is
// less than were asked for, Reason and Detail say why there are no more.
type Reservation struct {
	Job   mpi.JobID
	Ranks uint32
	// slots that are kept for jobs that may not take them: they may be free in a moment
	Held   uint32
	Reason mpi.Reason
	Detail string
}

// ReservationTime is how long a node reserves slots for an Offer whose Place does not come.
const ReservationTime = 10 * time.Second

// Place gives a node its ranks. Nodes and Ranks are the same for all.
type Place struct {
	Job     mpi.JobID
	Nodes   []mpi.PeerID
	Ranks   []uint32 // for each rank of the job its place in Nodes
	Args    []string // with the program's name first
	Env     []string
	Memory  int64         // bytes for each rank; 0 for the node's own limit
	Timeout time.Duration // wall clock of the ranks; 0 for none
	Slots   uint32        // rank slots that the job could have had: MPI_UNIVERSE_SIZE
	Stdin   bool          // rank 0 gets input
	Check   bool          // what the ranks call is compared
	FT      bool          // a process that fails does not end the job
	Spares  bool          // a node may be replaced before Start: see Replace
}

// Keep has a node keep slots that it has reserved, for so many ranks, instead of Place: until Stop,
// or a Place of as many ranks at most.
type Keep struct {
	Job   mpi.JobID
	Ranks uint32
}

// Replace says, between a Place with Spares and Start, that another node has the ranks of the one
// that is number Node in Place.Nodes. It is answered by one more Prepared.
type Replace struct {
	Job  mpi.JobID
	Node uint32
	Peer mpi.PeerID
}

// Prepared says that the node's ranks can start.
type Prepared struct{ Job mpi.JobID }

// Start starts the ranks.
type Start struct{ Job mpi.JobID }

// Output is what a rank wrote. A node has at most [OutputWindow] bytes of Output and FileChunk
// under way that no OutputCredit has come back for.
type Output struct {
	Job    mpi.JobID
	Rank   uint32
	Stream byte // 1 standard output, 2 standard error
	Data   []byte
}

// OutputCredit returns credit for Bytes of Output and FileChunk that the origin has dealt with. A
// job that writes more than its reader takes waits for it.
type OutputCredit struct {
	Job   mpi.JobID
	Bytes int64
}

// OutputWindow is how many bytes of Output and FileChunk may be under way from one node. Each such
// frame counts for [OutputCost] bytes more than its Data.
const (
	OutputWindow = 256 << 10
	OutputCost   = 64
)

// Input is standard input of rank 0; without Data it is its end. The origin has at most
// [InputWindow] bytes under way that no InputCredit has come back for.
type Input struct {
	Job  mpi.JobID
	Data []byte
}

// InputCredit returns credit for Bytes of Input that the program has read.
type InputCredit struct {
	Job   mpi.JobID
	Bytes int64
}

// InputWindow is how many bytes of Input may be under way.
const InputWindow = 256 << 10

// FileChunk is a part of a file that a rank wrote. The chunks of a file follow each other without
// gaps, those of two files are not mixed, and all come before the rank's Exit.
type FileChunk struct {
	Job    mpi.JobID
	Rank   uint32
	Name   string
	Size   int64 // of the whole
	Offset int64
	Data   []byte
}

// Look asks what the ranks on the node do. The origin asks all nodes with ranks at once, and again
// only when all have answered.
type Look struct {
	Job   mpi.JobID
	Round uint64
}

// Standing answers Look: what the ranks on the node did at a moment between the two.
// All ranks of a job wait for each other if all nodes are Idle in two rounds that
// follow each other, with the same Epoch, Sent and Got, and Got of all is as many as Sent of all.
type Standing struct {
	Job       mpi.JobID
	Round     uint64
	Idle      bool
	Sent, Got uint64 // packets
	Epoch     uint64
	Waits     []RankWait // at most mpi.MaxWaits
}

// RankWait is what one rank waits for.
type RankWait struct {
	Rank uint32
	mpi.RankWait
}

// Exit says how a rank ended. Reason is empty for exit code 0.
type Exit struct {
	Job    mpi.JobID
	Rank   uint32
	Reason mpi.Reason
	Code   int64
	Detail string
	Memory int64
}

// Failed says that the node cannot go on with the job, and has stopped its ranks. Rank is -1 if the
// cause is none of them. Peer is the node that was lost, if that is the cause.
type Failed struct {
	Job    mpi.JobID
	Rank   int64
	Peer   mpi.PeerID
	Reason mpi.Reason
	Detail string
}

// PeerLost says that the node has lost another node of a job with [Place].FT, or before Start of
// one with [Place].Spares, and goes on. The origin decides which of the two has failed, and says
// so by RanksFailed or Stop.
type PeerLost struct {
	Job    mpi.JobID
	Peer   mpi.PeerID
	Detail string
}

// RanksFailed says that processes of a job with [Place].FT have failed, on any of its nodes. It
// goes to all nodes with ranks.
type RanksFailed struct {
	Job    mpi.JobID
	Ranks  []uint32
	Detail string // why
}

// Stop ends the job on the node.
type Stop struct {
	Job    mpi.JobID
	Detail string
}

// Stopped says that nothing of the job is left on the node.
type Stopped struct{ Job mpi.JobID }

// Limits on the frames of jobs, in what a peer may send, besides [mpi.MaxRanks].
const (
	MaxJobNodes  = 1024                   // of one job
	MaxPlaceList = mpi.MaxJobWords + 1    // arguments with the program's name, and variables
	MaxPlaceText = mpi.MaxJobText + 1<<10 // bytes of all of those together
	MaxJobPart   = 64 << 10               // bytes of Data in Output, Input, FileChunk
	MaxJobFile   = 1 << 10                // bytes of a file's name
	MaxJobDetail = 4 << 10                // bytes of a Detail
)

// JobFrame is a [Frame] of a job, any but [Packets] and [PacketsCredit].
type JobFrame interface {
	Frame
	// Of is the job's ID.
	Of() mpi.JobID
}

func (Offer) isFrame()        {}
func (Reservation) isFrame()  {}
func (Place) isFrame()        {}
func (Prepared) isFrame()     {}
func (Start) isFrame()        {}
func (Output) isFrame()       {}
func (OutputCredit) isFrame() {}
func (Input) isFrame()        {}
func (InputCredit) isFrame()  {}
func (FileChunk) isFrame()    {}
func (Look) isFrame()         {}
func (Standing) isFrame()     {}
func (Exit) isFrame()         {}
func (Failed) isFrame()       {}
func (Stop) isFrame()         {}
func (Stopped) isFrame()      {}
func (PeerLost) isFrame()     {}
func (Keep) isFrame()         {}
func (Replace) isFrame()      {}
func (RanksFailed) isFrame()  {}

func (f Offer) Of() mpi.JobID        { return f.Job }
func (f Reservation) Of() mpi.JobID  { return f.Job }
func (f Place) Of() mpi.JobID        { return f.Job }
func (f Prepared) Of() mpi.JobID     { return f.Job }
func (f Start) Of() mpi.JobID        { return f.Job }
func (f Output) Of() mpi.JobID       { return f.Job }
func (f OutputCredit) Of() mpi.JobID { return f.Job }
func (f Input) Of() mpi.JobID        { return f.Job }
func (f InputCredit) Of() mpi.JobID  { return f.Job }
func (f FileChunk) Of() mpi.JobID    { return f.Job }
func (f Look) Of() mpi.JobID         { return f.Job }
func (f Standing) Of() mpi.JobID     { return f.Job }
func (f Exit) Of() mpi.JobID         { return f.Job }
func (f Failed) Of() mpi.JobID       { return f.Job }
func (f Stop) Of() mpi.JobID         { return f.Job }
func (f Stopped) Of() mpi.JobID      { return f.Job }
func (f PeerLost) Of() mpi.JobID     { return f.Job }
func (f Keep) Of() mpi.JobID         { return f.Job }
func (f Replace) Of() mpi.JobID      { return f.Job }
func (f RanksFailed) Of() mpi.JobID  { return f.Job }
