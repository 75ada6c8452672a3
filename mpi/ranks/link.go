package ranks

import (
	"context"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wire"
)

// maxAnswers bounds the bytes of answers to all nodes that wait in a group without credit. They are
// some half a million.
const maxAnswers = 16 << 20

// link implements [match.Link].
type link struct{ g *group }

// Send implements [match.Link].
func (l link) Send(ctx context.Context, k frame.Packet) error {
	return l.g.lane(l.g.cfg.Nodes[k.To]).send(ctx, k)
}

// Post implements [match.Link].
func (l link) Post(k frame.Packet) {
	if l.g.lane(l.g.cfg.Nodes[k.To]).post(k) && l.g.held.Load() > maxAnswers {
		l.g.relieve()
	}
}

// lane is the way to a node. It is made when it is used first: a job may have a thousand nodes.
func (g *group) lane(node int) *lane {
	p := &g.lanes[node]
	if l := p.Load(); l != nil {
		return l
	}
	p.CompareAndSwap(nil, &lane{g: g, node: node, credit: g.window})
	return p.Load()
}

// other reports whether node is another node of the job.
func (g *group) other(node int) bool {
	return g.lanes != nil && node >= 0 && node < len(g.lanes) && node != g.cfg.Self
}

// relieve gives up the node that most answers wait for, because too many do.
func (g *group) relieve() {
	var worst *lane
	most := int64(0)
	for i := range g.lanes {
		if l := g.lanes[i].Load(); l != nil {
			if n := l.waits(); n > most {
				worst, most = l, n
			}
		}
	}
	if worst != nil && worst.giveUp() {
		g.owner.Broken(worst.node, fmt.Sprintf("it gives no credit, and %d bytes of answers wait for it", most))
	}
}

// Packets implements [exec.RankGroup].
func (g *group) Packets(node int, data []byte) {
	g.open.RLock()
	defer g.open.RUnlock()
	if g.closed || !g.other(node) {
		return
	}
	received := uint64(0)
	err := wire.ParsePackets(data, func(k frame.Packet) error {
		received++
		if int(k.From) >= len(g.cfg.Nodes) || g.cfg.Nodes[k.From] != node {
			return fmt.Errorf("it sends a %v, and that rank is not there", k)
		}
		return g.world.Receive(k)
	})
	if err != nil {
		g.owner.Broken(node, err.Error())
	}
	l := g.lane(node)
	g.got.Add(received) // when all that comes of them has come, see Look
	l.got.Add(received) // after that: Look sees whether it has counted one that came meanwhile
	if n := l.dealt(int64(len(data)) + frame.PacketsCost); n > 0 {
		g.owner.PacketCredit(node, n)
	}
}

// PacketCredit implements [exec.RankGroup].
func (g *group) PacketCredit(node int, n int64) {
	g.open.RLock()
	defer g.open.RUnlock()
	if !g.closed && g.other(node) && n > 0 {
		g.lane(node).give(n)
	}
}

// dealt counts n bytes of packets that were dealt with, and returns the credit to return now: half
// a window at least.
func (l *lane) dealt(n int64) int64 {
	if l.owed.Add(n) < l.g.window/2 {
		return 0
	}
	return l.owed.Swap(0)
}
