package worker

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// frame handles what the worker says. An error, for what no worker says, kills it.
func (g *group) frame(t link.Type, payload []byte) error {
	if !g.asksForRanks() {
		return fmt.Errorf("%s before it was asked for ranks", t)
	}
	switch t {
	case link.TypePackets:
		return parsed(payload, g.packets)
	case link.TypeSharedPackets:
		return parsed(payload, g.sharedPackets)
	case link.TypeCredit:
		return parsed(payload, g.credit)
	case link.TypeOutput:
		return parsed(payload, g.wrote)
	case link.TypeFile:
		return parsed(payload, g.file)
	case link.TypeRoom:
		return parsed(payload, g.wantsRoom)
	case link.TypeRankEnded:
		return parsed(payload, g.ended)
	case link.TypeStanding:
		return parsed(payload, g.standing)
	case link.TypeBroken:
		return parsed(payload, g.broken)
	case link.TypeFault:
		return parsed(payload, g.fault)
	case link.TypeFileOpen, link.TypeFileRead, link.TypeFileClose:
		return g.files.request(t, payload)
	}
	return fmt.Errorf("%s, which no ranks say", t)
}

// parsed calls a function with the frame of its type.
func parsed[T any, F interface {
	*T
	link.Frame
}](payload []byte, f func(F) error) error {
	var v T
	if err := link.Parse(payload, F(&v)); err != nil {
		return err
	}
	return f(&v)
}

func (g *group) asksForRanks() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w != nil
}

func (g *group) packets(f *link.Packets) error {
	node := int(f.Node)
	if !g.node(node) || len(f.Data) == 0 {
		return fmt.Errorf("%d bytes of packets to node %d of %d", len(f.Data), node, g.cfg.Count)
	}
	g.mu.Lock()
	left := g.to[node]
	g.to[node] -= int64(len(f.Data)) + frame.PacketsCost
	g.mu.Unlock()
	if left <= 0 { // see frame.Packets: it takes one more frame than there is credit
		return fmt.Errorf("%d bytes of packets to node %d, without credit", len(f.Data), node)
	}
	g.owner.Packets(node, f.Data)
	return nil
}

func (g *group) sharedPackets(f *link.SharedPackets) error {
	var refused error
	err := g.w.shared.Take(f, func(data []byte) {
		refused = g.packets(&link.Packets{Node: f.Node, Data: data})
	})
	return errors.Join(err, refused)
}

func (g *group) credit(f *link.Credit) error {
	node := int(f.Node)
	switch {
	case f.Bytes == 0:
	case f.Stream == link.StreamIn && node == 0:
		g.mu.Lock()
		g.input -= f.Bytes
		left := g.input
		g.mu.Unlock()
		if left < 0 {
			return fmt.Errorf("%d bytes of input were read, %d too many", f.Bytes, -left)
		}
		g.owner.InputRead(int(f.Bytes))
	case f.Stream == link.StreamPackets && g.node(node):
		g.mu.Lock()
		g.from[node] -= f.Bytes
		left := g.from[node]
		g.mu.Unlock()
		if left < 0 {
			return fmt.Errorf("%d bytes of packets of node %d were dealt with, %d too many", f.Bytes, node, -left)
		}
		g.owner.PacketCredit(node, f.Bytes)
	default:
		return fmt.Errorf("credit for stream %d of node %d", f.Stream, node)
	}
	return nil
}

// rank returns a rank that runs. The caller holds mu.
func (g *group) rank(n uint32) (*groupRank, error) {
	state := g.ranks[int(n)]
	switch {
	case state == nil:
		return nil, fmt.Errorf("rank %d, which is not here", n)
	case !g.started || state.ended:
		return nil, fmt.Errorf("rank %d, which does not run", n)
	}
	return state, nil
}

// spend takes credit for output. The caller holds mu.
func (g *group) spend(n int) error {
	g.output -= int64(n + frame.OutputCost)
	if g.output < 0 {
		return fmt.Errorf("%d bytes of output, %d more than its credit", n, -g.output)
	}
	return nil
}

func (g *group) wrote(f *link.Output) error {
	g.mu.Lock()
	_, err := g.rank(f.Rank)
	if err == nil {
		err = g.spend(len(f.Data))
	}
	g.mu.Unlock()
	switch {
	case err != nil:
		return err
	case len(f.Data) == 0:
		return errors.New("output of no bytes")
	}
	g.owner.Output(int(f.Rank), byte(f.Stream), f.Data)
	return nil
}

func (g *group) file(f *link.File) error {
	g.mu.Lock()
	state, err := g.rank(f.Rank)
	if err == nil {
		err = g.spend(len(f.Data))
	}
	if err == nil {
		err = state.part(f, g.cfg.Scratch)
	}
	g.mu.Unlock()
	if err != nil {
		return err
	}
	g.owner.File(int(f.Rank), f.Name, f.Size, f.Offset, f.Data)
	return nil
}

// part checks the next part of a file: the parts of a file follow each other.
func (s *groupRank) part(f *link.File, limit int64) error {
	if s.name == "" {
		if !fs.ValidPath(f.Name) || len(f.Name) > frame.MaxJobFile || f.Size > limit {
			return fmt.Errorf("a file %.100q of %d bytes", f.Name, f.Size)
		}
		s.name, s.size, s.next = f.Name, f.Size, 0
	}
	end := f.Offset + int64(len(f.Data))
	if f.Name != s.name || f.Size != s.size || f.Offset != s.next || end > s.size || len(f.Data) == 0 && s.size > 0 {
		return fmt.Errorf("bytes %d to %d of %d of the file %.100q, after %d of %d of %.100q",
			f.Offset, end, f.Size, f.Name, s.next, s.size, s.name)
	}
	if s.next = end; end == s.size {
		s.name = ""
	}
	return nil
}

func (g *group) ended(f *link.RankEnded) error {
	why, err := reason(f.Reason, true)
	if err != nil {
		return err
	}
	g.mu.Lock()
	state, err := g.rank(f.Rank)
	if err == nil {
		state.ended = true
		g.running--
	}
	g.mu.Unlock()
	if err != nil {
		return err
	}
	g.owner.Ended(int(f.Rank), exec.Outcome{Reason: why, Exit: int(f.Exit), Detail: printable(f.Detail), Memory: f.Memory,
		Elapsed: f.Elapsed})
	return nil
}

// standing passes on what the ranks do, as often as it was asked for.
func (g *group) standing(f *link.Standing) error {
	g.mu.Lock()
	g.looks--
	unasked := g.looks < 0
	g.mu.Unlock()
	if unasked {
		return errors.New("what the ranks do, unasked")
	}
	for i, w := range f.Waits {
		if w.Rank >= len(g.cfg.Nodes) || g.cfg.Nodes[w.Rank] != g.cfg.Self {
			return fmt.Errorf("rank %d waits, and is not here", w.Rank)
		}
		f.Waits[i].RankWait = w.RankWait.Clip() // what it says may be a guest's
	}
	g.owner.Stand(f.Standing)
	return nil
}

func (g *group) broken(f *link.Broken) error {
	if !g.node(int(f.Node)) {
		return fmt.Errorf("node %d of %d breaks the protocol", f.Node, g.cfg.Count)
	}
	g.owner.Broken(int(f.Node), printable(f.Why))
	return nil
}

func (g *group) fault(f *link.Fault) error {
	g.mu.Lock()
	again := g.faulted
	g.faulted = true
	g.mu.Unlock()
	if again {
		return errors.New("a second fault")
	}
	g.owner.Fault(printable(f.Why), nil)
	return nil
}

// wantsRoom queues what a rank asks for, or gives back: the owner may take time to answer.
func (g *group) wantsRoom(f *link.Room) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.asked) - 1
	switch {
	case f.Bytes == 0 || !g.started:
		return fmt.Errorf("room for %d bytes", f.Bytes)
	case f.Bytes > 0 && (g.asks >= len(g.ranks) || f.Bytes > g.cfg.Scratch):
		return fmt.Errorf("room for %d bytes, after %d requests", f.Bytes, g.asks)
	case f.Bytes < 0 && f.Bytes < -g.room:
		return fmt.Errorf("room: %d, and %d are held", f.Bytes, g.room)
	case f.Bytes < 0:
		g.room += f.Bytes
	default:
		g.asks++
	}
	if f.Bytes < 0 && last >= 0 && g.asked[last] < 0 {
		g.asked[last] += f.Bytes
	} else {
		g.asked = append(g.asked, f.Bytes)
	}
	if !g.asking {
		g.asking = true
		g.rooms.Go(g.ask)
	}
	return nil
}

// ask passes on what the ranks ask for until there is nothing more.
func (g *group) ask() {
	for {
		g.mu.Lock()
		if len(g.asked) == 0 {
			g.asked, g.asking = nil, false
			g.mu.Unlock()
			return
		}
		n := g.asked[0]
		g.asked = g.asked[1:]
		g.mu.Unlock()
		yes := g.owner.Room(n)
		if n < 0 {
			continue
		}
		g.mu.Lock()
		g.asks--
		if yes {
			g.room += n
		}
		g.mu.Unlock()
		g.w.SendNow(&link.RoomAnswer{Yes: yes})
	}
}
