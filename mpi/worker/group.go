package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// group is the ranks of one job on this node, in a worker of their own. groupframes.go has what the
// worker says.
type group struct {
	r     *Runtime
	p     *program
	owner exec.RankOwner
	cfg   exec.RankConfig
	ctx   context.Context // of the ranks
	files *fileServer
	once  sync.Once      // of Close
	wg    sync.WaitGroup // goroutines; raised under mu while closed is false
	rooms sync.WaitGroup // the goroutine that asks for room

	mu      sync.Mutex // guards the rest; the owner is never called with it
	w       *Worker    // nil before the worker is asked for ranks
	ranks   map[int]*groupRank
	running int // ranks that were started and have not ended
	started bool
	closed  bool
	over    bool // the worker has ended, which the owner was told
	faulted bool

	output   int64 // bytes of output and files that the worker may send
	input    int64 // bytes of standard input that it has not read
	inputEnd bool  // all of standard input was given
	// by node: bytes of packets that the worker may send, once there is more than 0
	to     []int64
	from   []int64      // by node: bytes of packets that it has not dealt with
	room   int64        // bytes of files that it was given room for
	asked  []int64      // what it asks of room or gives back, in order
	asks   int          // requests in asked
	asking bool         // a goroutine asks
	looks  int          // that were not answered
	failed map[int]bool // ranks that the worker was told have failed
}

// groupRank is a rank of a group.
type groupRank struct {
	ended bool
	// the file that it sends, until it is whole
	name       string
	size, next int64
}

// RankGroup implements [exec.RankProgram]: it starts a worker for the ranks.
func (p *rankProgram) RankGroup(ctx context.Context, cfg exec.RankConfig, owner exec.RankOwner) (exec.RankGroup, error) {
	if !p.enter() {
		return nil, ErrClosed
	}
	g := &group{r: p.r, p: p.program, owner: owner, cfg: cfg, ctx: ctx, files: newFileServer(), ranks: map[int]*groupRank{}, failed: map[int]bool{}}
	if err := g.start(); err != nil {
		p.running.Done()
		if crash := crashOf(err); crash != nil {
			return nil, crash
		}
		return nil, err
	}
	return g, nil
}

func (g *group) start() error {
	m, err := g.message()
	if err != nil {
		return err
	}
	path, err := g.p.code.entry.Path()
	if err != nil {
		return err
	}
	g.output = frame.OutputWindow
	g.to, g.from = make([]int64, g.cfg.Count), make([]int64, g.cfg.Count)
	for i := range g.to {
		g.to[i] = frame.PacketWindow(g.cfg.Count)
	}
	if g.cfg.Files != nil {
		g.files.add(0, g.cfg.Files)
	}
	limits := rankLimits(len(g.ranks), g.cfg.Memory, g.cfg.Scratch)
	place := &link.Place{Kind: link.KindRanks, Memory: limits.data, Code: path}
	w, err := g.r.place(g.ctx, place, use{program: m.Args[0], job: m.Job}, limits.resident, len(g.ranks), g.frame)
	if err != nil {
		return err
	}
	g.files.serve(w)
	w.Bound(queueBound(g.cfg.Count))
	g.mu.Lock()
	g.w = w
	g.mu.Unlock()
	if err := w.Send(g.ctx, m); err != nil {
		w.Dismiss("it was not given its ranks: " + err.Error())
		<-w.Done()
		return err
	}
	unwatch := context.AfterFunc(g.ctx, w.Stop)
	g.wg.Go(func() {
		defer unwatch()
		<-w.Done()
		g.settle()
	})
	return nil
}

// queueBound is how many bytes of input and packets of other nodes may wait for the ranks of a job
// of so many nodes: what there is credit for.
func queueBound(nodes int) int64 {
	return frame.InputWindow + int64(nodes-1)*(frame.PacketWindow(nodes)+frame.MaxPackets+frame.PacketsCost)
}

// message checks the configuration, and makes the frame that readies the ranks.
func (g *group) message() (*link.Group, error) {
	cfg := &g.cfg
	if cfg.Count < 1 || cfg.Count > mpi.MaxRanks || cfg.Self < 0 || cfg.Self >= cfg.Count {
		return nil, fmt.Errorf("worker: node %d of %d", cfg.Self, cfg.Count)
	}
	m := &link.Group{Job: clip(cfg.Job, link.MaxKey), Self: uint32(cfg.Self), Count: uint32(cfg.Count), Slots: uint32(cfg.Slots),
		Memory: min(cfg.Memory, 1<<32), Scratch: cfg.Scratch, Stdin: cfg.Stdin, Check: cfg.Check, FT: cfg.FT, Files: cfg.Files != nil,
		Host: clip(cfg.Host, link.MaxText), Args: cfg.Args, Env: cfg.Env}
	for rank, node := range cfg.Nodes {
		if node < 0 || node >= cfg.Count {
			return nil, fmt.Errorf("worker: rank %d is on node %d of %d", rank, node, cfg.Count)
		}
		m.Nodes = append(m.Nodes, uint32(node))
		if node == cfg.Self {
			g.ranks[rank] = &groupRank{}
		}
	}
	if len(g.ranks) == 0 || len(cfg.Args) == 0 {
		return nil, errors.New("worker: no rank of the job is on this node, or the program has no name")
	}
	if _, err := link.Append(nil, m); err != nil {
		return nil, err
	}
	return m, nil
}

// clip cuts a text to n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return s
}

// Start implements [exec.RankGroup].
func (g *group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.started || g.closed {
		return
	}
	g.started = true
	g.running = len(g.ranks)
	g.w.SendNow(&link.Start{})
	if g.over {
		g.wg.Go(g.settle)
	}
}

// Packets implements [exec.RankGroup].
func (g *group) Packets(node int, data []byte) {
	if !g.node(node) || len(data) == 0 {
		return
	}
	g.mu.Lock()
	g.from[node] += int64(len(data)) + frame.PacketsCost
	g.mu.Unlock()
	g.w.SendPackets(node, data)
}

// PacketCredit implements [exec.RankGroup].
func (g *group) PacketCredit(node int, n int64) {
	if !g.node(node) || n <= 0 {
		return
	}
	n = min(n, link.MaxCredit)
	g.mu.Lock()
	g.to[node] = min(g.to[node]+n, frame.PacketWindow(g.cfg.Count))
	g.mu.Unlock()
	g.w.SendNow(&link.Credit{Stream: link.StreamPackets, Node: uint32(node), Bytes: n})
}

// OutputCredit implements [exec.RankGroup].
func (g *group) OutputCredit(n int64) {
	if n <= 0 {
		return
	}
	n = min(n, frame.OutputWindow)
	g.mu.Lock()
	g.output = min(g.output+n, frame.OutputWindow)
	g.mu.Unlock()
	g.w.SendNow(&link.Credit{Stream: link.StreamOut, Bytes: n})
}

// Input implements [exec.RankGroup].
func (g *group) Input(data []byte) {
	g.mu.Lock()
	if g.inputEnd || !g.cfg.Stdin || g.ranks[0] == nil {
		g.mu.Unlock()
		return
	}
	g.input += int64(len(data))
	g.inputEnd = len(data) == 0
	g.mu.Unlock()
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), link.MaxData)
		g.w.SendNow(&link.Input{Data: data[:n]})
		data = data[n:]
	}
}

// Load implements [exec.RankGroup].
func (g *group) Load(others int) { g.w.SendNow(&link.Load{Others: uint32(max(others, 0))}) }

// FailRanks implements [exec.RankGroup].
func (g *group) FailRanks(ranks []int, why string) {
	f := &link.RanksFailed{Why: clip(why, link.MaxText)}
	g.mu.Lock()
	defer g.mu.Unlock() // what fails together is told in order
	for _, rank := range ranks {
		if rank >= 0 && rank < len(g.cfg.Nodes) && !g.failed[rank] {
			g.failed[rank] = true
			f.Ranks = append(f.Ranks, uint32(rank))
		}
	}
	if len(f.Ranks) > 0 {
		g.w.SendNow(f)
	}
}

// Look implements [exec.RankGroup].
func (g *group) Look() {
	g.mu.Lock()
	g.looks++
	g.mu.Unlock()
	g.w.SendNow(&link.Look{})
}

// Close implements [exec.RankGroup].
func (g *group) Close() error {
	g.once.Do(func() {
		g.mu.Lock()
		g.closed = true
		running := g.running
		g.mu.Unlock()
		if running > 0 {
			g.w.Stop()
		} else {
			g.w.Dismiss("its ranks have ended")
		}
		<-g.w.Done()
		g.wg.Wait()
		g.files.close()
		g.p.running.Done()
	})
	return nil
}

var errJobOver = errors.New("the job is over")

// node reports whether there is another node of that number.
func (g *group) node(n int) bool { return n >= 0 && n < g.cfg.Count && n != g.cfg.Self }

// settle tells the owner of the end of the worker: what was given back, and how the ranks ended
// that have not said so.
func (g *group) settle() {
	g.rooms.Wait()
	end := g.lost()
	g.mu.Lock()
	g.over = true
	room := g.room
	g.room = 0
	fault := !g.started && !g.closed && !g.faulted && g.ctx.Err() == nil
	g.faulted = g.faulted || fault
	var left []int
	if g.started {
		for rank, state := range g.ranks {
			if !state.ended {
				state.ended = true
				left = append(left, rank)
			}
		}
	}
	g.running -= len(left)
	g.mu.Unlock()
	if room > 0 {
		g.owner.Room(-room)
	}
	if fault {
		g.owner.Fault(end.Detail, end.Crash)
	}
	for _, rank := range left {
		g.owner.Ended(rank, end)
	}
}

// lost is the outcome of the ranks that had not ended when the worker did.
func (g *group) lost() exec.Outcome {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	var out exec.Outcome
	switch {
	case g.ctx.Err() != nil:
		out = failed(mpi.Cancelled, context.Cause(g.ctx).Error())
	case closed:
		out = failed(mpi.Cancelled, errJobOver.Error())
	default:
		out = g.r.lost(g.w.End())
	}
	out.Exit, out.Crash = 1, g.w.End().crash()
	return out
}
