package guests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/ranks"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// fileGrace is how much longer than ranks their files are read: a read that fails first would be
// the program's to explain.
const fileGrace = 50 * time.Millisecond

// group is the work of a worker that runs the ranks of one job.
type group struct {
	s       *server
	program exec.MPIProgram
	reading context.Context // of the files
	done    context.CancelFunc

	// Of the reader:

	ranks   exec.RankGroup // nil before Group
	count   uint32         // nodes
	self    uint32
	size    uint32 // ranks of the job
	started bool

	mu    sync.Mutex
	rooms []chan<- bool // those who asked for room, in order
}

func newGroup(s *server, program exec.MPIProgram) *group {
	g := &group{s: s, program: program}
	g.reading, g.done = context.WithCancel(context.Background())
	return g
}

func (g *group) frame(t link.Type, payload []byte) error {
	if t == link.TypePackets { // the only ones that are many
		var f link.Packets
		if err := link.Parse(payload, &f); err != nil {
			return err
		}
		if err := g.check(t, f.Node); err != nil {
			return err
		}
		g.ranks.Packets(int(f.Node), f.Data)
		return nil
	}
	if t == link.TypeSharedPackets {
		var f link.SharedPackets
		if err := link.Parse(payload, &f); err != nil {
			return err
		}
		if err := g.check(t, f.Node); err != nil {
			return err
		}
		return g.s.cfg.Shared.Take(&f, func(data []byte) { g.ranks.Packets(int(f.Node), data) })
	}
	f, err := link.ParseAny(t, payload)
	if err != nil {
		return err
	}
	if f, ok := f.(*link.Group); ok {
		return g.ready(f)
	}
	if g.ranks == nil {
		return fmt.Errorf("guests: %s before Group", t)
	}
	switch f := f.(type) {
	case *link.Start:
		if g.started {
			return errors.New("guests: a second Start")
		}
		g.started = true
		g.ranks.Start()
	case *link.Load:
		g.ranks.Load(int(f.Others))
	case *link.Look:
		g.ranks.Look()
	case *link.Input:
		g.ranks.Input(f.Data)
	case *link.RanksFailed:
		return g.fail(f)
	case *link.RoomAnswer:
		return g.room(f.Yes)
	case *link.Credit:
		return g.credit(f)
	default:
		return unexpected(t)
	}
	return nil
}

// check checks the number of another node.
func (g *group) check(t link.Type, node uint32) error {
	if g.ranks == nil || node >= g.count || node == g.self {
		return fmt.Errorf("guests: %s of node %d of %d", t, node, g.count)
	}
	return nil
}

func (g *group) credit(f *link.Credit) error {
	switch f.Stream {
	case link.StreamOut:
		g.ranks.OutputCredit(f.Bytes)
		return nil
	case link.StreamPackets:
		if err := g.check(link.TypeCredit, f.Node); err != nil {
			return err
		}
		g.ranks.PacketCredit(int(f.Node), f.Bytes)
		return nil
	}
	return fmt.Errorf("guests: credit for stream %d", f.Stream)
}

// ready makes the group.
func (g *group) ready(f *link.Group) error {
	if g.ranks != nil {
		return errors.New("guests: a second Group")
	}
	cfg := exec.RankConfig{
		Job: f.Job, Nodes: make([]int, len(f.Nodes)), Self: int(f.Self), Count: int(f.Count), Slots: int(f.Slots),
		Host: f.Host, Args: f.Args, Env: f.Env, Memory: f.Memory, Scratch: f.Scratch, Stdin: f.Stdin, Check: f.Check, FT: f.FT, Files: g.files(f),
		Gather: true,
	}
	here := 0
	for i, n := range f.Nodes {
		cfg.Nodes[i] = int(n)
		if n == f.Self {
			here++
		}
	}
	var memory budget
	if memory.set(g.s.limit, here); !memory.none && here > 0 {
		cfg.Memory = min(cfg.Memory, memory.left/int64(here))
	}
	host := ranks.NewHost(ranks.Config{Processors: ranks.GOMAXPROCS})
	var err error
	if g.ranks, err = host.Group(g.s.ctx, g.program, cfg, g); err != nil {
		return err
	}
	g.count, g.self, g.size = f.Count, f.Self, uint32(len(f.Nodes))
	g.ranks.Load(int(f.Others))
	return nil
}

func (g *group) files(f *link.Group) fs.FS {
	if !f.Files {
		return nil
	}
	return &tree{files: &g.s.files, ctx: g.reading}
}

// fail passes on that processes have failed.
func (g *group) fail(f *link.RanksFailed) error {
	list := make([]int, 0, len(f.Ranks))
	for _, r := range f.Ranks {
		if r >= g.size {
			return fmt.Errorf("guests: rank %d of %d has failed", r, g.size)
		}
		list = append(list, int(r))
	}
	g.ranks.FailRanks(list, f.Why)
	return nil
}

// stop implements [work].
func (g *group) stop() {
	reading := time.AfterFunc(fileGrace, g.done)
	g.s.guests.Go(func() {
		defer reading.Stop()
		defer g.done()
		if g.ranks != nil {
			g.ranks.Close()
		}
	})
}

// room passes on an answer to Room.
func (g *group) room(yes bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.rooms) == 0 {
		return errors.New("guests: RoomAnswer without a Room")
	}
	g.rooms[0] <- yes
	g.rooms = g.rooms[1:]
	return nil
}
