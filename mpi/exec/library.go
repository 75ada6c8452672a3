package exec

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Library answers the MPI functions that one rank's program calls. Package process implements it.
// Package wasm calls it, from one goroutine.
type Library interface {
	// Attach gives it the guest, once, before the program starts.
	Attach(Guest)
	// Call runs the function at an index of abi.Functions. args are its parameters: those of 32
	// bits in the lower half with the upper half zero, a double as its bits; so is the result. args
	// are the caller's again after Call. An error ends the rank: an *[ExitError], or the error that
	// the job ended with.
	Call(function int, args []uint64) (uint64, error)
	// Close is called once, when the program has ended. It cancels every operation that uses the
	// program's memory and returns when none does any more.
	Close()
}

// Guest is a program as its [Library] sees it, while the program is in a call.
type Guest interface {
	// Memory is all of the program's memory. It may have grown since the last call. It never moves.
	Memory() []byte
	// Guard is how many bytes at address 0 of the memory must not be touched: that ends the
	// process.
	Guard() int64
	// Grow makes the memory larger by at least n bytes, all zero and owned by the caller, and
	// returns their address and size. It fails if the program's limit does not allow it, and for a
	// Go program, whose runtime takes all memory for its heap.
	Grow(n int64) (addr uint32, size int64, err error)
	// Invoke calls the function at an index of the program's table. The function takes these
	// parameters of 32 bits, or the first of them as C lets it, and returns one value of 32 bits,
	// or nothing, which is 0. An error, an [*ExitError], means that it trapped or that there is no
	// such function: the call that this is part of has to end with it.
	Invoke(function uint32, args ...uint64) (uint64, error)
}

// ExitError ends a rank.
type ExitError struct {
	Reason mpi.Reason // Aborted, or what an Outcome may have
	Exit   int        // exit code, as given to MPI_Abort
	Detail string     // for people
}

func (e *ExitError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// Streams are a rank's standard streams, used while it runs instead of those of [Exec] and
// [Outcome].
type Streams struct {
	In io.Reader // nil for none; Read may block, and ends with the context of the instances
	// each Write is one write of the program; it may block, and stops it meanwhile
	Out, Err io.Writer
}

// Scratch is where a program may write files: below "/" and ".", over the read-only files of
// [Exec], in memory.
type Scratch struct {
	Limit int64 // bytes of all files at most
	// asked before files grow by n bytes, told of -n as they shrink; nil for yes
	Take  func(n int64) bool
	Files []ScratchFile // those there when the program ended, by name
}

// ScratchFile is a file that a program wrote.
type ScratchFile struct {
	Name string // as in fs.ValidPath
	Data []byte
}

// Instances are those of one program that end together, as the ranks of one job on this node do:
// the end of their context stops those too that compute.
type Instances interface {
	// Run runs one rank to its end, like [Program.Run], with x.MPI, x.Streams and x.Scratch. It
	// returns with Cancelled within some 10 ms after their context ends, and with what the
	// library's error says when a call of the library fails.
	Run(x Exec) Outcome
	// Close returns once the last Run is over, and frees what they hold.
	Close() error
}

// MPIProgram is a [Program] that imports MPI functions.
type MPIProgram interface {
	Program
	// Instances readies the program for ranks, which end with ctx.
	Instances(ctx context.Context) (Instances, error)
}

// ClockResolution is the smallest difference that a program can see on any clock. Finer ones serve
// to measure caches, and so what others on the machine do.
const ClockResolution = time.Microsecond
