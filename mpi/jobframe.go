package mpi

import "time"

// The frames of a job, between its origin and each node that runs ranks of it. The origin is the one named in Job; a frame of
// the other party's is dropped. All ranks of a job on one node start and end together.
//
//	origin                         node
//	  │ Offer ───────────────────────► │   how many ranks could you run?
//	  │ ◄─────────────────────── Slots │   so many, kept for you for SlotsKept
//	  │ Place ───────────────────────► │   these ranks; the node fetches and compiles
//	  │ ◄──────────────────── Prepared │
//	  │ Start ───────────────────────► │   when all are ready
//	  │ ◄──────────── Output…, Written │
//	  │ Heard… ──────────────────────► │
//	  │ Input… ──────────────────────► │   to the node of rank 0
//	  │ ◄────────────────────── Taken… │
//	  │ ◄──────────────────────── Exit │   of each rank
//	  │ Stop ────────────────────────► │   at the end, or when one failed; answered by
//	  │ ◄───────────────────── Stopped │   once nothing of the job is left there
//
// Packets go directly between the nodes of ranks. A node that loses its session with another node of the job tells the origin
// by Failed.

// Offer asks for slots.
type Offer struct {
	Job     JobID
	Program CID
	Name    string // of the program, for people
	Ranks   uint32 // at most so many are wanted
	Memory  int64  // bytes for each; 0 for the node's own limit
}

// Slots answers Offer: how many ranks the node keeps room for, for [SlotsKept]; with less than were asked for, why it has no more.
type Slots struct {
	Job    JobID
	Ranks  uint32
	Held   uint32 // slots that are kept for jobs that may not take them: they may be free in a moment
	Reason Reason
	Detail string
}

// SlotsKept is how long a node keeps slots for an Offer whose Place does not come.
const SlotsKept = 10 * time.Second

// Place gives a node its ranks. Nodes and Ranks are the same for all.
type Place struct {
	Job     JobID
	Nodes   []PeerID
	Ranks   []uint32 // for each rank of the job its place in Nodes
	Args    []string // with the program's name first
	Env     []string
	Memory  int64         // bytes for each rank; 0 for the node's own limit
	Timeout time.Duration // wall clock of the ranks; 0 for none
	Slots   uint32        // that the job could have had
	Stdin   bool          // rank 0 gets input
}

// Prepared says that the node's ranks can start.
type Prepared struct{ Job JobID }

// Start starts the ranks.
type Start struct{ Job JobID }

// Output is what a rank wrote. A node sends no more than [OutputWindow] bytes of Output and Written that the origin has not Heard.
type Output struct {
	Job    JobID
	Rank   uint32
	Stream byte // 1 standard output, 2 standard error
	Data   []byte
}

// Heard says how many bytes of Output and Written the origin has dealt with since the last Heard: a job that writes more than can be
// kept or read waits.
type Heard struct {
	Job   JobID
	Bytes int64
}

// OutputWindow is how many bytes of Output and Written may be under way from one node. Each such frame counts for [OutputCost] bytes
// more than its Data.
const (
	OutputWindow = 256 << 10
	OutputCost   = 64
)

// Input is standard input of rank 0; without Data it is its end. The origin sends no more than [InputWindow] bytes that the node
// has not said are Taken.
type Input struct {
	Job  JobID
	Data []byte
}

// Taken says how many bytes of Input the program has read since the last Taken.
type Taken struct {
	Job   JobID
	Bytes int64
}

// InputWindow is how many bytes of Input may be under way.
const InputWindow = 256 << 10

// Written is a part of a file that a rank wrote. The parts of a file follow each other without gaps, those of two files are not mixed,
// and all come before the rank's Exit.
type Written struct {
	Job    JobID
	Rank   uint32
	Name   string
	Size   int64 // of the whole
	Offset int64
	Data   []byte
}

// Exit says how a rank ended. Reason is empty for exit code 0.
type Exit struct {
	Job    JobID
	Rank   uint32
	Reason Reason
	Code   int64
	Detail string
	Memory int64
}

// Failed says that the node cannot go on with the job, and has stopped its ranks. Rank is -1 if it was none of them, Peer the node that
// was lost if it was that.
type Failed struct {
	Job    JobID
	Rank   int64
	Peer   PeerID
	Reason Reason
	Detail string
}

// Stop ends the job on the node.
type Stop struct {
	Job    JobID
	Detail string
}

// Stopped says that nothing of the job is left on the node.
type Stopped struct{ Job JobID }

// Limits on the frames of jobs, in what a peer may send, besides [MaxRanks].
const (
	MaxJobNodes  = 1024               // of one job
	MaxPlaceList = MaxJobWords + 1    // arguments with the program's name, and variables
	MaxPlaceText = MaxJobText + 1<<10 // bytes of all of those together
	MaxJobPart   = 64 << 10           // bytes of Data in Output, Input, Written
	MaxJobFile   = 1 << 10            // bytes of a file's name
	MaxJobDetail = 4 << 10            // bytes of a Detail
)

// JobFrame is a [Frame] of a job, any but a [Packet].
type JobFrame interface {
	Frame
	// Of is the job's ID.
	Of() JobID
}

func (Offer) isFrame()    {}
func (Slots) isFrame()    {}
func (Place) isFrame()    {}
func (Prepared) isFrame() {}
func (Start) isFrame()    {}
func (Output) isFrame()   {}
func (Heard) isFrame()    {}
func (Input) isFrame()    {}
func (Taken) isFrame()    {}
func (Written) isFrame()  {}
func (Exit) isFrame()     {}
func (Failed) isFrame()   {}
func (Stop) isFrame()     {}
func (Stopped) isFrame()  {}

func (f Offer) Of() JobID    { return f.Job }
func (f Slots) Of() JobID    { return f.Job }
func (f Place) Of() JobID    { return f.Job }
func (f Prepared) Of() JobID { return f.Job }
func (f Start) Of() JobID    { return f.Job }
func (f Output) Of() JobID   { return f.Job }
func (f Heard) Of() JobID    { return f.Job }
func (f Input) Of() JobID    { return f.Job }
func (f Taken) Of() JobID    { return f.Job }
func (f Written) Of() JobID  { return f.Job }
func (f Exit) Of() JobID     { return f.Job }
func (f Failed) Of() JobID   { return f.Job }
func (f Stop) Of() JobID     { return f.Job }
func (f Stopped) Of() JobID  { return f.Job }
