package process

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/coll"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

var _ exec.Library = (*Process)(nil)

// Config describes the place of a [Process] in its job.
type Config struct {
	World *match.World
	Rank  int
	// node number of each rank of the job; ranks of one node share memory
	Nodes     []int
	Slots     int               // ranks that the job could have had: MPI_UNIVERSE_SIZE
	Processor string            // name of the node: MPI_Get_processor_name
	Program   string            // name of the program, for errors
	Start     time.Time         // start of the job: the origin of MPI_Wtime
	Info      map[string]string // MPI_INFO_ENV
	Check     bool              // what processes call is compared: see checks
	Stderr    io.Writer         // receives fatal errors before the rank ends; may be nil
}

// Process is one rank of a job.
type Process struct {
	cfg   Config
	rank  int
	end   *match.Endpoint
	guest exec.Guest
	mem   []byte // the guest's memory as last read: see bytes
	guard int64  // bytes at address 0 of it that must not be touched
	state state
	calls call // the current call, reused to spare an allocation; nested calls have their own
	depth int
	in    *call // the innermost call under way

	// Reused by blocking calls, by calls with lists of requests and by nonblocking calls, to spare
	// allocations: see blocking, list and posted.
	inbound, outbound message
	requestScratch    []*request
	listsRead         uint64 // lists of requests read so far
	freeRequests      []*posted

	unfinished []operation // operations whose requests were freed before they completed
	pruneAt    int         // length of unfinished at which completed ones are removed

	checks    *checks // nil if nothing is checked
	coll      *coll.Engine
	buffers   map[*Comm]*sendBuffer   // for buffered sends, by communicator; nil for the process's
	channels  map[channelKey]*channel // of partitioned operations
	partBytes atomic.Int64            // of the receives of those: see parts
	broken    error                   // the guest trapped in a callback that cannot return an error

	handles        handles
	types          typeRecords
	world          *Comm
	self           *Comm
	nullFile       *errhandler // that of MPI_FILE_NULL; nil for the default
	heap           guestHeap
	codes          errorCodes
	selfHandled    bool // the program set an error handler for MPI_COMM_SELF
	fortran        fortran
	threadLevel    int64  // MPI_Query_thread
	contextCounter uint64 // see nextContextNumber
	// address in the guest's memory of the values of predefined attributes; 0 before they are first
	// used
	predefined uint32
}

// state is the state of a rank between MPI_Init and MPI_Finalize.
type state int

const (
	before state = iota
	running
	finalized
)

// New makes the process of one rank. It starts no goroutine.
func New(cfg Config) *Process {
	p := &Process{cfg: cfg, rank: cfg.Rank, end: cfg.World.Endpoint(cfg.Rank)}
	p.end.Describe(p.describeWait)
	p.coll = coll.NewEngine(p.end)
	if cfg.Check {
		p.checks = newChecks(p)
	}
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
func (p *Process) Attach(g exec.Guest) { p.guest, p.guard = g, g.Guard() }

// maxDepth bounds the nesting of MPI calls in callbacks of MPI calls, and so the host's stack.
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
	outer := p.in
	p.in = c
	p.depth++
	v, err := c.dispatch(&functions[index])
	p.depth--
	p.in = outer
	c.a = nil // the caller's again
	return v, err
}

func (c *call) dispatch(f *function) (uint64, error) {
	p := c.Process
	if err := p.admits(f); err != nil {
		return 0, p.fatal(c, err)
	}
	if p.checks != nil {
		if err := p.checks.before(c); err != nil {
			return c.fail(err)
		}
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

// admits checks that the function may be called in this state (MPI 5.0, 11.4.1).
func (p *Process) admits(f *function) error {
	switch {
	case f.anytime || p.state == running:
		return nil
	case p.state == before:
		return errorf(abi.ErrOther, "called before MPI_Init")
	}
	return errorf(abi.ErrOther, "called after MPI_Finalize")
}

// Close withdraws all pending operations of the rank. After it the guest's memory may be freed.
func (p *Process) Close() { p.end.Close() }

// Ended returns an error if a program that has ended initialised MPI and did not finalize it.
func (p *Process) Ended() error {
	if p.state == running {
		return errors.New("it ended without MPI_Finalize")
	}
	return nil
}
