package ranks

import (
	"context"
	"log/slog"
	"runtime"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Config of a [Host]. The zero value is good.
type Config struct {
	Processors Processors   // nil for a process that is left as it is
	Log        *slog.Logger // nil discards
}

// Processors adapts the process to the ranks that run in it.
type Processors interface {
	// Add counts n ranks that start, or with a negative n ranks that have ended.
	Add(n int)
	// Cores is how many ranks can run at once.
	Cores() int
}

// unchanged are the processors of a process that nobody adapts.
type unchanged struct{}

func (unchanged) Add(int)    {}
func (unchanged) Cores() int { return min(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// Host is the process in which ranks run: what its groups share.
type Host struct {
	cfg  Config
	load match.Load // of the ranks of all groups
	// all ranks of the machine run in this process: load knows them all
	all bool
}

// NewHost is a process that has some of the ranks of its machine. [exec.RankGroup].Load says how
// many others there are.
func NewHost(cfg Config) *Host {
	if cfg.Processors == nil {
		cfg.Processors = unchanged{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Host{cfg: cfg}
}

// Over is the runtime rt whose MPI programs are [exec.RankProgram]s. Their ranks run in this
// process, as all ranks of the machine do.
func Over(rt exec.Runtime, cfg Config) exec.Runtime {
	h := NewHost(cfg)
	h.all = true
	return &engine{rt, h}
}

type engine struct {
	exec.Runtime
	h *Host
}

// Compile implements [exec.Runtime].
func (e *engine) Compile(ctx context.Context, wasm []byte) (exec.Program, error) {
	p, err := e.Runtime.Compile(ctx, wasm)
	if m, ok := p.(exec.MPIProgram); ok && err == nil && m.MPI() {
		return &program{m, e.h}, nil
	}
	return p, err
}

type program struct {
	exec.MPIProgram
	h *Host
}

var _ exec.RankProgram = (*program)(nil)

// RankGroup implements [exec.RankProgram].
func (p *program) RankGroup(ctx context.Context, cfg exec.RankConfig, owner exec.RankOwner) (exec.RankGroup, error) {
	return p.h.Group(ctx, p.MPIProgram, cfg, owner)
}
