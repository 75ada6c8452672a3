package ranks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/buffers"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
)

// group is the ranks of one job on this node.
type group struct {
	h      *Host
	cfg    exec.RankConfig
	owner  exec.RankOwner
	local  []int
	world  *match.World
	code   exec.Instances
	ctx    context.Context // of the ranks
	cancel context.CancelCauseFunc
	output credit
	stdin  *stdin // of rank 0, if it is here and has input

	parts  exec.PartsOwner // owner, if it is one
	bursts chan *lane      // whose packets were gathered
	pool   buffers.Pool    // of batches
	window int64
	lanes  []atomic.Pointer[lane] // by node; made when they are used
	held   atomic.Int64           // bytes of answers in all lanes for which there was no credit

	got     atomic.Uint64  // packets of other nodes that were dealt with
	ranks   sync.WaitGroup // and flushBursts
	running atomic.Int64   // ranks that have not ended
	told    atomic.Int64   // ranks of whose end the owner was told
	once    sync.Once      // of Close
	err     error          // of Close

	failed failures

	open    sync.RWMutex // guards the rest; FailRanks, Packets and PacketCredit hold it to read
	started bool
	closed  bool
}

// Group readies the ranks of a job, as [exec.RankProgram].RankGroup does.
func (h *Host) Group(ctx context.Context, p exec.MPIProgram, cfg exec.RankConfig, owner exec.RankOwner) (exec.RankGroup, error) {
	g := &group{h: h, cfg: cfg, owner: owner, window: frame.PacketWindow(cfg.Count)}
	for r, node := range cfg.Nodes {
		if node < 0 || node >= cfg.Count {
			return nil, fmt.Errorf("ranks: rank %d is on node %d of %d", r, node, cfg.Count)
		}
		if node == cfg.Self {
			g.local = append(g.local, r)
		}
	}
	if len(g.local) == 0 || len(cfg.Args) == 0 {
		return nil, errors.New("ranks: no rank of the job is on this node, or the program has no name")
	}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	code, err := p.Instances(g.ctx)
	if err != nil {
		g.cancel(nil)
		return nil, err
	}
	g.code = code
	g.output.init()
	if cfg.Stdin && cfg.Nodes[0] == cfg.Self {
		g.stdin = &stdin{ctx: g.ctx, more: make(chan struct{}, 1), read: owner.InputRead}
	}
	world := match.Config{
		Size: len(cfg.Nodes), Local: g.local, Cores: h.cfg.Processors.Cores(), Load: &h.load, Fault: g.fault, Notes: cfg.Check}
	if len(g.local) < len(cfg.Nodes) {
		world.Link = link{g}
		g.lanes = make([]atomic.Pointer[lane], cfg.Count)
	}
	g.world = match.New(g.ctx, world)
	g.parts, _ = owner.(exec.PartsOwner)
	if cfg.Gather && g.lanes != nil {
		g.bursts = make(chan *lane, maxBursts)
		g.ranks.Go(g.flushBursts)
	}
	return g, nil
}

// fault ends the group after a panic.
func (g *group) fault(v any, stack []byte) {
	g.h.cfg.Log.Error("panic beside a rank's program", "job", g.cfg.Job, "panic", v, "stack", string(stack))
	g.owner.Fault(faultOfNode, nil)
}

// panicked ends the ranks after a panic that package match does not know of.
func (g *group) panicked(v any) {
	g.fault(v, debug.Stack())
	g.cancel(errors.New(faultOfNode))
}

const faultOfNode = "a fault of this node: see its log"

// Start implements [exec.RankGroup].
func (g *group) Start() {
	g.open.Lock()
	defer g.open.Unlock()
	if g.started || g.closed {
		return
	}
	g.started = true
	g.h.cfg.Processors.Add(len(g.local))
	g.running.Store(int64(len(g.local)))
	start := time.Now()
	for _, r := range g.local {
		g.ranks.Go(func() { g.run(r, start) })
	}
}

// Load implements [exec.RankGroup].
func (g *group) Load(others int) {
	if !g.h.all {
		g.h.load.Others(others)
	}
}

// OutputCredit implements [exec.RankGroup].
func (g *group) OutputCredit(n int64) { g.output.give(n) }

// Input implements [exec.RankGroup].
func (g *group) Input(data []byte) {
	if g.stdin != nil {
		g.stdin.put(data)
	}
}

// Close implements [exec.RankGroup].
func (g *group) Close() error {
	g.once.Do(func() {
		g.cancel(errClosed)
		g.open.Lock()
		g.closed = true
		g.open.Unlock()
		g.ranks.Wait()
		g.world.Close()
		g.err = g.code.Close()
	})
	return g.err
}

var errClosed = errors.New("the job is over")

// run runs one rank and tells the owner how it ended, once all of its output is given.
func (g *group) run(r int, start time.Time) {
	stdout, stderr := newOutput(g, r)
	var flusher sync.WaitGroup
	flush, stop := context.WithCancel(context.Background())
	flusher.Go(func() { flushAfter(flush, stdout, stderr) })
	out := g.guarded(r, start, stdout, stderr)
	stop()
	flusher.Wait()
	_, _ = stdout.flush(), stderr.flush() // after a panic there may be something
	if g.running.Add(-1) == 0 {           // nobody needs them any more, and they may be large
		g.cfg.Args, g.cfg.Env, g.cfg.Files = nil, nil, nil
		g.h.cfg.Processors.Add(-len(g.local))
	}
	g.flushAll()
	g.owner.Ended(r, out)
	g.told.Add(1)
}

// guarded is rank, with a panic that costs the job.
func (g *group) guarded(r int, start time.Time, stdout, stderr *lines) (out exec.Outcome) {
	defer func() {
		if v := recover(); v != nil {
			g.panicked(v)
			out = exec.Outcome{Reason: mpi.Internal, Exit: 1, Detail: faultOfNode}
		}
	}()
	return g.rank(r, start, stdout, stderr)
}

// rank runs one rank to its end, and returns how it ended.
func (g *group) rank(r int, start time.Time, stdout, stderr *lines) exec.Outcome {
	cfg := &g.cfg
	proc := process.New(process.Config{
		World: g.world, Rank: r, Nodes: cfg.Nodes, Slots: cfg.Slots, Processor: cfg.Host,
		Program: cfg.Args[0], Start: start, Stderr: stderr, Info: g.info(), Check: cfg.Check,
	})
	files := quota{room: g.owner.Room}
	defer files.end()
	x := exec.Exec{
		Args: cfg.Args, Env: cfg.Env, Files: cfg.Files, Memory: cfg.Memory,
		Timeout: mpi.MaxJobTime, MPI: proc, Streams: &exec.Streams{Out: stdout, Err: stderr},
		Scratch: &exec.Scratch{Limit: cfg.Scratch, Take: files.take},
	}
	if g.stdin != nil && r == 0 {
		g.stdin.flush = func() error { return errors.Join(stdout.flush(), stderr.flush()) }
		x.Streams.In = g.stdin
	}
	out := g.code.Run(x)
	if err := proc.Ended(); err != nil && out.Reason == "" {
		out.Reason, out.Exit, out.Detail = mpi.Aborted, 1, err.Error()
		if cfg.FT { // a process that failed, not one that ends the others
			out.Reason = mpi.Exited
		}
	}
	_, _ = stdout.flush(), stderr.flush()
	if g.ctx.Err() == nil {
		for _, f := range x.Scratch.Files {
			if err := g.sendFile(r, f); err != nil && out.Reason == "" {
				out.Reason, out.Exit = mpi.OutputLimit, 1
				out.Detail = fmt.Sprintf("the file %q: %v", f.Name, err)
			}
		}
	}
	if out.Reason != "" {
		out.Detail = describe(out)
	}
	return out
}

// describe says how a rank ended, for people.
func describe(out exec.Outcome) string {
	switch {
	case out.Detail != "":
		return out.Detail
	case out.Reason == mpi.Exited:
		return "exit code " + strconv.Itoa(out.Exit)
	}
	return string(out.Reason)
}

// info is MPI_INFO_ENV (MPI 5.0, 10.2 and 11.2.1), as far as it is the same on all nodes.
func (g *group) info() map[string]string {
	n := strconv.Itoa(len(g.cfg.Nodes))
	return map[string]string{
		"command": g.cfg.Args[0], "maxprocs": n, "soft": n,
		"host": g.cfg.Host, "arch": "wasm32", "wdir": "/", "thread_level": "MPI_THREAD_SERIALIZED",
	}
}
