package job

import (
	"fmt"
	"sync/atomic"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// Packets between the ranks here and those of other nodes. Nothing here reads them: it is counted
// that neither side sends more than the window lets it.

// packetPath is the packets between this node and another one of a job.
type packetPath struct {
	sent   atomic.Int64 // bytes that no credit has come back for
	got    atomic.Int64 // bytes that no credit was given for
	due    atomic.Int64 // of those, bytes that the ranks have dealt with
	broken atomic.Bool  // one event is enough
}

// mostUnderWay is what may be under way to a node, or from it, without credit: the last Packets may
// go beyond the window.
func (o *rankOwner) mostUnderWay() int64 { return o.window + frame.MaxPackets + frame.PacketsCost }

// path is the path to a peer; nil if it is no other node of the job, or there are no ranks.
func (p *hosted) path(from mpi.PeerID) (o *rankOwner, node int) {
	if p.group.Load() == nil {
		return nil, 0
	}
	node, ok := p.ranks.roster.Load().numbers[from]
	if !ok {
		return nil, 0
	}
	return p.ranks, node
}

// packets takes packets from another node.
func (p *hosted) packets(from mpi.PeerID, data []byte) {
	o, node := p.path(from)
	if o == nil {
		p.svc.log.Debug("packets dropped", "job", p.id, "from", from, "bytes", len(data))
		return
	}
	if n := int64(len(data)) + frame.PacketsCost; o.nodes[node].got.Add(n) > o.mostUnderWay() {
		o.nodes[node].got.Add(-n)
		o.Broken(node, "it sends more packets than it may")
		return
	}
	if g := p.group.Load(); g != nil {
		(*g).Packets(node, data)
	}
}

// packetsCredit takes credit from another node.
func (p *hosted) packetsCredit(from mpi.PeerID, n int64) {
	o, node := p.path(from)
	if o == nil {
		return
	}
	if o.nodes[node].sent.Add(-n) < 0 {
		o.nodes[node].sent.Add(n)
		o.Broken(node, "it gives more credit than was used")
		return
	}
	if g := p.group.Load(); g != nil {
		(*g).PacketCredit(node, n)
	}
}

// Packets implements [exec.RankOwner].
func (o *rankOwner) Packets(node int, data []byte) {
	n := int64(len(data))
	if !o.other(node) || n == 0 || n > frame.MaxPackets || o.nodes[node].sent.Add(n+frame.PacketsCost) > o.mostUnderWay() {
		o.fault("the ranks on this node send more packets than they may")
		return
	}
	o.p.send(o.peer(node), frame.Packets{Job: o.p.key, Data: data})
}

// PacketCredit implements [exec.RankOwner]. Credit goes in few frames, however the ranks give it.
func (o *rankOwner) PacketCredit(node int, n int64) {
	if !o.other(node) || n <= 0 || n > o.mostUnderWay() {
		o.fault("the ranks on this node give credit that is none")
		return
	}
	path := &o.nodes[node]
	if path.due.Add(n) < o.window/4 {
		return
	}
	n = path.due.Swap(0)
	if n == 0 { // somebody else has given it
		return
	}
	if path.got.Add(-n) < 0 {
		o.fault("the ranks on this node give more credit than was used")
		return
	}
	o.p.send(o.peer(node), frame.PacketsCredit{Job: o.p.key, Bytes: n})
}

// other reports whether a number is that of another node of the job.
func (o *rankOwner) other(node int) bool {
	return node >= 0 && node < len(o.nodes) && o.peer(node) != o.p.svc.self
}

// send sends a frame to another node of the job.
func (p *hosted) send(to mpi.PeerID, f frame.Frame) {
	p.svc.cfg.Transport.Post(to, f, func(err error) { p.inbox.put(nodeLost{to, err.Error()}) })
}

// post sends a frame to the origin.
func (p *hosted) post(to mpi.PeerID, f frame.JobFrame) {
	if _, hint := f.(frame.Silence); hint {
		p.svc.post(to, f, nil)
		return
	}
	p.svc.post(to, f, func(err error) { p.inbox.put(nodeLost{to, err.Error()}) })
}

// forget has the transport keep no packets of a job that is gone here: they have no credit to come
// back, and the nodes of the job may be slow to take them, for job after job.
func (o *rankOwner) forget() {
	for i := range o.nodes {
		if path := &o.nodes[i]; path.sent.Load() > 0 {
			o.p.svc.cfg.Transport.Forget(o.peer(i), o.p.key)
		}
	}
}

// owes reports whether packets were sent to a node that no credit has come back for.
func (o *rankOwner) owes(peer mpi.PeerID) bool {
	node, ok := o.roster.Load().numbers[peer]
	return ok && o.nodes[node].sent.Load() > 0
}

// waiting is how many bytes of packets wait for a session's credit, to any node.
func (o *rankOwner) waiting() (sum int64) {
	for i := range o.nodes {
		if path := &o.nodes[i]; path.sent.Load() > 0 {
			sum += o.p.svc.cfg.Transport.Posted(o.peer(i), o.p.key)
		}
	}
	return sum
}

// Broken implements [exec.RankOwner].
func (o *rankOwner) Broken(node int, why string) {
	p := o.p
	if !o.other(node) || p.running.Err() != nil || !o.nodes[node].broken.CompareAndSwap(false, true) {
		return
	}
	peer := o.peer(node)
	p.inbox.put(peerBroke{peer, fmt.Sprintf("%s breaks the protocol: %s", peer.Short(), why)})
}
