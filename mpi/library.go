package mpi

import (
	"context"
	"fmt"
	"io"
)

// Library answers the MPI functions that one rank's program calls. Package process implements it, package wasm calls it,
// from one goroutine.
type Library interface {
	// Attach gives it the guest, once, before the program starts.
	Attach(Guest)
	// Call runs the function at an index of abi.Functions. args are its parameters: those of 32 bits in the lower half with the upper half
	// zero, a double as its bits; so is the result. An error ends the rank: an *[ExitError], or the error the job ended with. args are
	// the caller's again after Call.
	Call(function int, args []uint64) (uint64, error)
	// Close is called once, when the program has ended: it takes back what is under way with the program's memory, and returns when
	// nobody touches that any more, for it goes.
	Close()
}

// Guest is a program as its [Library] sees it, while the program is in a call.
type Guest interface {
	// Memory is all of the program's memory. It may have grown since the last call; what it was stays valid, at the same place.
	Memory() []byte
	// Grow makes the memory larger by at least n bytes, which are zero and nobody's, and returns their address and how many they
	// are; an error if the program's limit does not allow it, or it is a Go program: its runtime takes all memory for its heap.
	Grow(n int64) (addr uint32, size int64, err error)
	// Invoke calls the function at an index of the program's table, which takes these parameters of 32 bits, or the first of them as C
	// lets it, and returns one value of 32 bits, or nothing, which is 0. An error, an [*ExitError], means that it trapped, or that there is no such function: the call that this is
	// part of has to end with it.
	Invoke(function uint32, args ...uint64) (uint64, error)
}

// ExitError ends a rank.
type ExitError struct {
	Reason Reason // Aborted, or what an Outcome may have
	Exit   int    // exit code, as given to MPI_Abort
	Detail string // for people
}

func (e *ExitError) Error() string { return fmt.Sprintf("%s: %s", e.Reason, e.Detail) }

// Streams are a rank's standard streams, used while it runs instead of those of [Exec] and [Outcome].
type Streams struct {
	In       io.Reader // nil for none; Read may block, and ends with the gang's context
	Out, Err io.Writer // each Write is what the program wrote at once; it may block, which stops the program meanwhile
}

// Scratch is where a program may write files: below "/" and ".", over the read-only files of [Exec], in memory.
type Scratch struct {
	Limit int64              // bytes of all files at most
	Take  func(n int64) bool // asked before they grow by n bytes, and told of -n when they shrink; nil for yes
	Files []ScratchFile      // those there when the program ended, by name
}

// ScratchFile is a file that a program wrote.
type ScratchFile struct {
	Name string // as in fs.ValidPath
	Data []byte
}

// Gang is a program made ready for ranks that live and die together: the end of its context stops those too that compute.
type Gang interface {
	// Run runs one rank to its end, like [Program.Run]; x.MPI, x.Streams and x.Scratch are for it. When the gang's context ends it
	// returns within some 10 ms, with Cancelled; and so it does, with what the library's error says, when a call of the library fails.
	Run(x Exec) Outcome
	// Close returns once the last Run is over, and frees what the gang holds.
	Close() error
}

// Ganger is a [Program] that imports MPI functions.
type Ganger interface {
	Program
	// Gang readies the program. It ends with ctx.
	Gang(ctx context.Context) (Gang, error)
}
