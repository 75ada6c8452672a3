package exec

import (
	"context"
	"io/fs"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// RankProgram is an MPI program as jobs see it: it runs the ranks that a job has on this node, with
// all of MPI. Package ranks implements it over an [MPIProgram] in this process, package worker in a
// process of its own.
type RankProgram interface {
	Program
	// RankGroup readies the ranks of a job. They end with ctx, whose cause is for people. Files
	// that cfg names are read until then.
	RankGroup(ctx context.Context, cfg RankConfig, owner RankOwner) (RankGroup, error)
}

// RankConfig says which ranks a group has and what they may use.
type RankConfig struct {
	Job     string   // its name, for logs
	Nodes   []int    // for each rank of the job, the number of its node
	Self    int      // the number of this node: the ranks of the group are those with it
	Count   int      // nodes of the job, numbered from 0
	Slots   int      // rank slots that the job could have had: MPI_UNIVERSE_SIZE
	Host    string   // MPI_Get_processor_name
	Args    []string // with the program's name first
	Env     []string // "KEY=value"
	Memory  int64    // bytes of linear memory of a rank at most
	Scratch int64    // bytes of the files that a rank writes at most
	Stdin   bool     // rank 0 gets input, if it is here
	Gather  bool     // packets that follow each other fast are given together, by another goroutine
	Check   bool     // what the ranks call is compared, and the first mismatch ends the job
	FT      bool     // a process that fails does not end the job: see RankGroup.FailRanks
	Files   fs.FS    // preopened read-only as "/" (and "."); nil for none
}

// RankGroup is the ranks of one job on this node. Its methods do not block, but for Close, and keep
// nothing of what they are given. They are for many goroutines.
type RankGroup interface {
	// Start starts the ranks, once. Packets may come before.
	Start()
	// Packets are packets from another node, whole ones, as [RankOwner].Packets gave them there.
	// The caller keeps to the credit that the group gives: frame.PacketWindow at first, of which
	// each call takes frame.PacketsCost and the length of data.
	Packets(node int, data []byte)
	// PacketCredit allows n bytes more of packets to a node, counted as in Packets.
	PacketCredit(node int, n int64)
	// OutputCredit allows n bytes more of output and files, counted as in frame.OutputWindow.
	OutputCredit(n int64)
	// Input is standard input of rank 0; without data it is its end.
	Input(data []byte)
	// Load says how many ranks of other jobs run on this machine.
	Load(others int)
	// FailRanks says that processes have failed: those of other nodes whose packets will not come,
	// or those of this node, which end if they run still. Operations of the others that need them
	// fail from now on. A rank that was said to have failed before, or is none of the job, is
	// passed over. why is for people.
	FailRanks(ranks []int, why string)
	// Look has the owner told what the ranks do, by Stand: once for each call, soon.
	Look()
	// Close frees the group and returns once nothing of it is left. It ends ranks that still run.
	// The owner hears nothing after it.
	Close() error
}

// RankOwner is told what the ranks of a group do. Its methods do not block, but for Room, and keep
// nothing of what they are given. They are called by many goroutines; what is of one rank, or for
// one node, comes in order.
type RankOwner interface {
	// Packets are for another node: whole packets, at most frame.MaxPackets bytes, given while
	// there is any credit for that node.
	Packets(node int, data []byte)
	// PacketCredit gives a node credit for packets that were dealt with, n bytes counted as in
	// RankGroup.Packets.
	PacketCredit(node int, n int64)
	// Output is what a rank wrote: 1 for standard output, 2 for standard error. It is at most
	// frame.MaxJobPart bytes, within the credit for output.
	Output(rank int, stream byte, data []byte)
	// File is a part of a file that a rank wrote, as in frame.FileChunk, within the credit for
	// output.
	File(rank int, name string, size, offset int64, data []byte)
	// InputRead says that rank 0 has read n bytes of its input.
	InputRead(n int)
	// Room asks for room for n bytes more of files, or gives back -n. It may wait for an answer.
	Room(n int64) bool
	// Stand answers a Look.
	Stand(Standing)
	// Broken says that what a node sent is not what the protocol allows. The group goes on.
	Broken(node int, why string)
	// Ended says how a rank ended, once all of its output and files were given. It is called once
	// for each rank that was started, whatever happens to the process that it runs in.
	Ended(rank int, out Outcome)
	// Fault says that the group cannot go on, for a cause that is not one rank's. Ended follows for
	// the ranks that run. crash is set if it is a crash, before any rank has started.
	Fault(why string, crash *Crash)
}

// Standing is what the ranks of a group did at a moment after they were asked for it.
type Standing struct {
	// each rank has ended, or waits for a message; nothing that this node has will wake one
	Idle bool
	// packets that were given to the group's lanes, and packets of other nodes that were dealt with
	Sent, Got uint64
	// Two standings that are idle, with the same Epoch: no rank ran between them.
	Epoch uint64
	// what the first ranks that wait do so for, at most mpi.MaxWaits, in ascending order
	Waits []RankWait
}

// RankWait is what one rank waits for.
type RankWait struct {
	Rank int
	mpi.RankWait
}

// PartsOwner is a [RankOwner] that takes a large packet in two parts, so that it need not be copied
// into one.
type PartsOwner interface {
	RankOwner
	// PacketParts is Packets of head and body, one after the other.
	PacketParts(node int, head, body []byte)
}
