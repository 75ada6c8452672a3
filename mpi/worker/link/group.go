package link

import (
	"math"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Group readies the ranks of a job, once. It answers Placed of KindRanks. Packets may follow at
// once.
type Group struct {
	Job     string   // its name, for logs
	Nodes   []uint32 // for each rank of the job, the number of its node
	Self    uint32   // the number of this node
	Count   uint32   // nodes of the job
	Slots   uint32   // MPI_UNIVERSE_SIZE
	Others  uint32   // ranks of other jobs that run on this machine
	Memory  int64    // bytes of linear memory of a rank at most
	Scratch int64    // bytes of files that a rank writes at most
	Stdin   bool     // rank 0 gets input, if it is here
	Check   bool     // what the ranks call is compared
	FT      bool     // a process that fails does not end the job
	Files   bool     // there are files to read: unit 0
	Host    string   // MPI_Get_processor_name
	Args    []string
	Env     []string
}

// Start starts the ranks of the group.
type Start struct{}

// Load says how many ranks of other jobs run on this machine.
type Load struct{ Others uint32 }

// RanksFailed says that processes of the job, on any node, have failed. One that runs here ends.
type RanksFailed struct {
	Ranks []uint32
	Why   string
}

// RankEnded says how a rank ended, after all of its output and files.
type RankEnded struct {
	Rank    uint32
	Exit    int32
	Memory  int64 // bytes of linear memory at its end
	Elapsed time.Duration
	Reason  string // as in an outcome; empty for success
	Detail  string
}

// Stream names a stream.
type Stream byte

// The streams. The list is append-only.
const (
	StreamIn      Stream = 0 // standard input of rank 0
	StreamOut     Stream = 1 // standard output; as a Credit: output of all ranks, and files
	StreamErr     Stream = 2
	StreamPackets Stream = 3 // of one node
	lastStream           = StreamPackets
)

// Credit returns credit for Bytes of a stream: the worker for input that rank 0 has read and for
// packets of a node that the ranks have dealt with, the daemon for output and for packets to a
// node. The first credit needs no frame: frame.InputWindow, frame.OutputWindow and
// frame.PacketWindow.
type Credit struct {
	Stream Stream
	Node   uint32 // with StreamPackets, else 0
	Bytes  int64
}

// Output is what a rank wrote, 1 to [MaxData] bytes. It costs frame.OutputCost more than its Data.
type Output struct {
	Rank   uint32
	Stream Stream // StreamOut or StreamErr
	Data   []byte
}

// Input is standard input of rank 0. Without Data it is its end.
type Input struct{ Data []byte }

// File is a part of a file that a rank wrote, as in frame.FileChunk. It costs as Output does.
type File struct {
	Rank   uint32
	Name   string
	Size   int64 // of the whole
	Offset int64
	Data   []byte
}

// Room asks for room for Bytes more of files that ranks write, or gives back as many if it is
// negative. The daemon answers a request for room, in order; what is given back it does not answer.
type Room struct{ Bytes int64 }

// RoomAnswer answers Room.
type RoomAnswer struct{ Yes bool }

// Packets are whole packets between the ranks here and those of one other node, as in
// frame.Packets. Only the two ends read them.
type Packets struct {
	Node uint32
	Data []byte
}

// SharedPackets are Packets whose Data is in a slot of [Shared].
type SharedPackets struct {
	Node  uint32
	Slot  uint32
	Bytes uint32
}

// Broken says that what a node sent breaks the protocol.
type Broken struct {
	Node uint32
	Why  string
}

// Fault says that the group cannot go on.
type Fault struct{ Why string }

func (f *Group) walk(c *codec) {
	c.text(&f.Job, "job", MaxKey)
	c.numbers(&f.Nodes, "nodes", mpi.MaxRanks)
	c.u32(&f.Self, "self", math.MaxInt32)
	c.u32(&f.Count, "count", math.MaxInt32)
	c.u32(&f.Slots, "slots", math.MaxInt32)
	c.u32(&f.Others, "others", math.MaxInt32)
	c.size(&f.Memory, "memory", 1<<32)
	c.size(&f.Scratch, "scratch", math.MaxInt64)
	c.flag(&f.Stdin, "stdin")
	c.flag(&f.Check, "check")
	c.flag(&f.FT, "ft")
	c.flag(&f.Files, "files")
	c.text(&f.Host, "host", MaxText)
	left := MaxStart
	c.words(&f.Args, "args", &left)
	c.words(&f.Env, "env", &left)
}

func (f *Start) walk(*codec) {}

func (f *Load) walk(c *codec) { c.u32(&f.Others, "others", math.MaxInt32) }

func (f *RanksFailed) walk(c *codec) {
	c.numbers(&f.Ranks, "ranks", mpi.MaxRanks)
	c.text(&f.Why, "why", MaxText)
}

func (f *RankEnded) walk(c *codec) {
	c.u32(&f.Rank, "rank", math.MaxInt32)
	c.i32(&f.Exit)
	c.size(&f.Memory, "memory", 1<<32)
	c.time(&f.Elapsed, "elapsed")
	c.text(&f.Reason, "reason", 64)
	c.text(&f.Detail, "detail", MaxDetail)
}

func (f *Credit) walk(c *codec) {
	c.stream(&f.Stream, StreamIn, lastStream)
	c.u32(&f.Node, "node", math.MaxInt32)
	c.size(&f.Bytes, "bytes", MaxCredit)
}

func (f *Output) walk(c *codec) {
	c.u32(&f.Rank, "rank", math.MaxInt32)
	c.stream(&f.Stream, StreamOut, StreamErr)
	c.rest(&f.Data, MaxData)
}

func (f *Input) walk(c *codec) { c.rest(&f.Data, MaxData) }

func (f *File) walk(c *codec) {
	c.u32(&f.Rank, "rank", math.MaxInt32)
	c.text(&f.Name, "name", MaxPath)
	c.size(&f.Size, "size", math.MaxInt64)
	c.size(&f.Offset, "offset", math.MaxInt64)
	c.rest(&f.Data, MaxData)
}

func (f *Room) walk(c *codec) { c.i64(&f.Bytes) }

func (f *RoomAnswer) walk(c *codec) { c.flag(&f.Yes, "yes") }

func (f *Packets) walk(c *codec) {
	c.u32(&f.Node, "node", math.MaxInt32)
	c.rest(&f.Data, MaxPackets)
}

func (f *SharedPackets) walk(c *codec) {
	c.u32(&f.Node, "node", math.MaxInt32)
	c.u32(&f.Slot, "slot", sharedSlots-1)
	c.u32(&f.Bytes, "bytes", MaxShared)
}

func (f *Broken) walk(c *codec) {
	c.u32(&f.Node, "node", math.MaxInt32)
	c.text(&f.Why, "why", MaxText)
}

func (f *Fault) walk(c *codec) { c.text(&f.Why, "why", MaxText) }
