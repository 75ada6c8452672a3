package guests

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/worker/link"
)

// The methods of [exec.RankOwner] say to the daemon what they are told. They do not wait for room
// to write: what they pass on has credit, or is little.
var _ exec.PartsOwner = (*group)(nil)

// say queues a frame. A frame that cannot be said, for it breaks a limit, is a fault of the
// worker's.
func (g *group) say(f link.Frame) {
	if err := g.s.out.SendNow(f); err != nil {
		g.s.fail(err)
	}
}

// Packets implements [exec.RankOwner].
func (g *group) Packets(node int, data []byte) {
	if f := g.s.cfg.Shared.Put(node, nil, data); f != nil {
		g.sayAtOnce(f)
		return
	}
	g.sayAtOnce(&link.Packets{Node: uint32(node), Data: data})
}

// PacketParts implements [exec.PartsOwner].
func (g *group) PacketParts(node int, head, body []byte) {
	if f := g.s.cfg.Shared.Put(node, head, body); f != nil {
		g.sayAtOnce(f)
		return
	}
	g.sayAtOnce(&link.Packets{Node: uint32(node), Data: append(head[:len(head):len(head)], body...)})
}

// sayAtOnce is say for packets, which the ranks have gathered already.
func (g *group) sayAtOnce(f link.Frame) {
	if err := g.s.out.SendAtOnce(f); err != nil {
		g.s.fail(err)
	}
}

// PacketCredit implements [exec.RankOwner].
func (g *group) PacketCredit(node int, n int64) {
	g.say(&link.Credit{Stream: link.StreamPackets, Node: uint32(node), Bytes: n})
}

// Output implements [exec.RankOwner].
func (g *group) Output(rank int, stream byte, data []byte) {
	g.say(&link.Output{Rank: uint32(rank), Stream: link.Stream(stream), Data: data})
}

// File implements [exec.RankOwner].
func (g *group) File(rank int, name string, size, offset int64, data []byte) {
	g.say(&link.File{Rank: uint32(rank), Name: name, Size: size, Offset: offset, Data: data})
}

// InputRead implements [exec.RankOwner].
func (g *group) InputRead(n int) {
	g.say(&link.Credit{Stream: link.StreamIn, Bytes: int64(n)})
}

// Room implements [exec.RankOwner]. It waits for the daemon's answer.
func (g *group) Room(n int64) bool {
	if n <= 0 {
		g.say(&link.Room{Bytes: n})
		return true
	}
	answer := make(chan bool, 1)
	g.mu.Lock()
	g.rooms = append(g.rooms, answer)
	g.say(&link.Room{Bytes: n})
	g.mu.Unlock()
	select {
	case yes := <-answer:
		return yes
	case <-g.s.ctx.Done():
		return false
	}
}

// Stand implements [exec.RankOwner].
func (g *group) Stand(s exec.Standing) { g.say(&link.Standing{Standing: s}) }

// Broken implements [exec.RankOwner].
func (g *group) Broken(node int, why string) {
	g.say(&link.Broken{Node: uint32(node), Why: clip(why, link.MaxText)})
}

// Ended implements [exec.RankOwner].
func (g *group) Ended(rank int, out exec.Outcome) {
	if g.s.cfg.ended != nil {
		g.s.cfg.ended(g.s.out)
	}
	g.say(&link.RankEnded{
		Rank: uint32(rank), Exit: int32(out.Exit), Memory: out.Memory, Elapsed: out.Elapsed,
		Reason: string(out.Reason), Detail: clip(out.Detail, link.MaxDetail),
	})
}

// Fault implements [exec.RankOwner].
func (g *group) Fault(why string, _ *exec.Crash) { g.say(&link.Fault{Why: clip(why, link.MaxText)}) }
