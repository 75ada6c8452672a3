package job

import (
	"context"
	"io/fs"
	"log/slog"
	"runtime"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

// Config is what the jobs of a node stand on and what they may use.
type Config struct {
	Transport frame.JobTransport
	Pools     mpi.Pools
	Store     mpi.Store
	Programs  Programs

	Admit     func(mpi.PeerID) bool // origins, and nodes of their jobs; nil admits all
	Policy    *policy.Policy        // what origins may have; nil for no limits of its own
	RankSlots int                   // ranks of all jobs at once; 0 for DefaultRankSlots
	Memory    int64                 // bytes of linear memory of a rank whose job asks for none
	MaxMemory int64                 // bytes that a job may ask for a rank; at least Memory
	Dir       string                // keeps the records; empty for as long as the service lives
	Host      string                // the node's name, for its programs

	Observer Observer     // nil for none
	Log      *slog.Logger // nil discards
}

// Observer sees what happens to jobs. Timelines and statistics are built on it; the code that does
// the work knows nothing of them. Its methods return at once.
type Observer interface {
	// JobEvent is called for each event of a job that began here, in order, before its followers
	// see it.
	JobEvent(job mpi.JobID, e mpi.JobEvent)
	// HostPhase is called when what runs here of a job enters a phase: preparing, ready, executing,
	// waiting, closing, left. Phases that it does not stay in are left out.
	HostPhase(job mpi.JobID, phase string)
}

// Programs is what jobs need of a node's programs. Package node implements it.
type Programs interface {
	// Resolve finds the program that a job's File means.
	Resolve(ctx context.Context, file string) (mpi.Interpreter, error)
	// IsHandler reports whether a program is known here and takes no ranks.
	IsHandler(mpi.CID) bool
	// RunsRanks says why ranks of a program do not run here; an empty reason if they do. own is
	// true for a job of this node, whose owner may run any program.
	RunsRanks(program mpi.CID, own bool) (mpi.Reason, string)
	// MPIProgram returns a program once it is fetched and compiled, and its files, whose reads end
	// with ctx.
	MPIProgram(ctx context.Context, program mpi.CID, own bool) (exec.RankProgram, fs.FS, error)
	// Crashed says that ranks of a program crashed the process in which they ran, or were to run,
	// once for all ranks of a job on this node.
	Crashed(program mpi.CID, origin mpi.PeerID, crash *exec.Crash)
}

// DefaultRankSlots is how many ranks of jobs a node runs at once unless configured: several for
// each core, since ranks wait much of their time.
func DefaultRankSlots() int { return max(8, 4*runtime.NumCPU()) }

// Bounds on jobs.
const (
	maxOpenJobs   = 256                     // of one origin that have not ended
	maxParts      = 1024                    // of jobs of all origins
	maxEnded      = 128                     // of these, whose ranks have ended; see Service.offered
	maxEndedNodes = 1 << 18                 // of the jobs of these, together
	maxJobFiles   = 64 << 20                // bytes of the files that a job's ranks wrote
	maxFiles      = 1 << 30                 // bytes of the files of all ranks that run here
	maxJobQuota   = maxFiles / 4            // of those, what one job has
	maxFileCount  = 1024                    // of those
	offerTimeout  = 3 * time.Second         // for the answers to offers
	offerGrace    = 300 * time.Millisecond  // for more of them once there are slots enough
	fetchTimeout  = 10 * time.Minute        // for all nodes to be prepared
	stopTimeout   = 1500 * time.Millisecond // for nodes to say that nothing of a job is left
	lookupTimeout = 3 * time.Second         // of a search for nodes in the network
	// after its start a node asks the network before it lists a pool
	youngView = 5 * time.Second
)
