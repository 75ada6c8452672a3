package exec

import (
	"context"
	"io/fs"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Runtime compiles programs. mpi/wasm implements it over wasmtime.
type Runtime interface {
	// Compile readies a program for execution. The caller must not change wasm afterwards. Of
	// those who wait for one compilation that crashes, one gets a [Crash].
	Compile(ctx context.Context, wasm []byte) (Program, error)
	Close() error
}

// Program is compiled code, safe for use by many goroutines.
type Program interface {
	// MPI reports whether the program imports MPI functions. If not it is a handler.
	MPI() bool
	// Run makes one instance, runs its _start to the end and discards it. It always returns: at the
	// latest some 10 ms after x.Timeout, or after ctx ends. It never panics for anything that a
	// guest does.
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
	// Stderr, if set, is given each whole line of standard error as it comes, without its newline,
	// cut at 4 KiB, and at most some hundred of them.
	Stderr func(line string)

	// For ranks of a job, run by [Instances]:

	MPI     Library  // answers the MPI functions
	Streams *Streams // instead of Stdin, Output and Stderr
	Scratch *Scratch // where it may write files; nil for nowhere
}

// MaxStderr is how many bytes of standard error an [Outcome] keeps.
const MaxStderr = 64 << 10

// Outcome is how an instance ended. Reason is empty for success: an exit with code 0.
type Outcome struct {
	Stdout []byte
	Stderr []byte // the last [MaxStderr] bytes
	// Reason is "", Trapped, Exited, TimedOut, OutOfMemory, OutputLimit, Cancelled or Internal.
	Reason  mpi.Reason
	Exit    int    // with Exited
	Detail  string // for people
	Memory  int64  // bytes of linear memory at its end
	Elapsed time.Duration
	// Crash says that the process in which it ran crashed, or was killed for what it did; nil if
	// not. Of the messages that this ended, one says so; of the ranks, each. A crash while no
	// message ran is told with the next one, whatever became of that.
	Crash *Crash
}

// Crash is the end of a process by a fault of the program that it compiled or ran, or of itself
// while it did so. What something else did to the process is none: a signal from outside, a lack of
// memory of the whole system, a cancellation that took too long. A Crash is also an error of
// [Runtime].Compile and [RankProgram].RankGroup, or wrapped by one.
type Crash struct {
	Cause string // a sentence without its full stop
	// Said is what the process wrote to standard error at last, such as a panic and its stack, for
	// the log of this node. It is cleaned, and has some KiB at most.
	Said string
}

func (c *Crash) Error() string { return c.Cause }
