package process

import (
	"errors"
	"io"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

var _ exec.Library = (*Process)(nil)

// Config says what a [Process] is in its job.
type Config struct {
	World     *match.World
	Rank      int
	Nodes     []int             // for each rank of the job the number of its node: ranks of one node share memory
	Slots     int               // ranks that the job could have had: MPI_UNIVERSE_SIZE
	Processor string            // the node's name: MPI_Get_processor_name
	Program   string            // name of the program, for errors
	Start     time.Time         // of the job: MPI_Wtime counts from here
	Info      map[string]string // MPI_INFO_ENV
	Stderr    io.Writer         // where a fatal error is reported before the rank ends; nil for nowhere
}

// Process is one rank of a job.
type Process struct {
	cfg   Config
	rank  int
	end   *match.Endpoint
	guest exec.Guest
	mem   []byte // the guest's memory as far as it has been looked at: see bytes
	state state
	calls call // the call under way, kept to spare an allocation; nested calls have their own
	depth int

	// Reused by blocking calls, by calls with lists of requests and by nonblocking calls, to spare
	// allocations: see blocking, list and posted.
	inbound, outbound message
	requestScratch    []*request
	freeRequests      []*posted

	unfinished []operation // of requests that were freed before they were done
	pruneAt    int         // how many of those it takes to look which are done

	coll     *coll.Engine
	buffers  map[*Comm]*sendBuffer // of buffered sends on a communicator; nil's are the process'
	channels map[channel]uint64    // how many operations were initialized on each
	broken   error                 // the guest broke in a callback that has no error to give

	handles        handles
	types          typeRecords
	world          *Comm
	self           *Comm
	heap           guestHeap
	codes          errorCodes
	fortran        fortran
	threadLevel    int64  // MPI_Query_thread
	contextCounter uint64 // see nextContextNumber
	predefined     uint32 // address in the guest's memory of the predefined attributes' values; 0 if there is none yet
}

// state is how far a rank has come between Init and Finalize.
type state int

const (
	before state = iota
	running
	finalized
)

// New makes the process of one rank. It starts nothing.
func New(cfg Config) *Process {
	p := &Process{cfg: cfg, rank: cfg.Rank, end: cfg.World.Endpoint(cfg.Rank)}
	p.coll = coll.NewEngine(p.end)
	p.handles.init()
	p.defineTypes()
	p.defineOps()
	p.handles.infos.define(abi.InfoEnv, p.environmentInfo())
	p.makeErrhandlers()
	p.makeGroups()
	p.makeWorld()
	return p
}

// Attach implements [exec.Library].
func (p *Process) Attach(g exec.Guest) { p.guest = g }

// maxDepth bounds calls of MPI from callbacks of calls of MPI, and so the host's stack.
const maxDepth = 32

// Call implements [exec.Library].
func (p *Process) Call(index int, args []uint64) (uint64, error) {
	if p.depth == maxDepth {
		return 0, &exec.ExitError{Reason: mpi.Trapped, Detail: "callbacks of MPI functions call each other without end"}
	}
	c := &p.calls
	if p.depth > 0 {
		c = new(call)
	}
	*c = call{Process: p, f: &abi.Functions[index], a: args}
	p.depth++
	defer func() { p.depth-- }()

	f := &functions[index]
	if err := p.admits(f); err != nil {
		return 0, p.fatal(c, err)
	}
	err := f.do(c)
	if p.broken != nil {
		return 0, p.broken
	}
	if err == nil {
		return c.result, nil
	}
	return c.fail(err)
}

// admits checks that the function may be called now (MPI 5.0, 11.4.1).
func (p *Process) admits(f *function) error {
	switch {
	case f.anytime || p.state == running:
		return nil
	case p.state == before:
		return errorf(abi.ErrOther, "called before MPI_Init")
	}
	return errorf(abi.ErrOther, "called after MPI_Finalize")
}

// Close takes back what the rank has under way. Its memory may go after that.
func (p *Process) Close() { p.end.Close() }

// Ended says how a program that ran to its end did: an error if it initialised MPI and did not finalize it.
func (p *Process) Ended() error {
	if p.state == running {
		return errors.New("it ended without MPI_Finalize")
	}
	return nil
}
