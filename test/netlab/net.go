//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Config is what a network is made of.
type Config struct {
	Seed uint64
	// Prefix is where nodes get their addresses, one after the other from its second one; the zero
	// value is 10.99.0.0/24. All nodes are neighbours on it.
	Prefix netip.Prefix
	Link   Link // of every direction, until it is set
	MTU    int  // bytes of the largest IP packet; 0 for 1500
}

// Net is a network. Its methods are safe for concurrent use.
type Net struct {
	cfg Config
	air *air

	mu    sync.Mutex // guards what follows
	nodes []*Node
	link  Link                  // of new directions
	paths map[[2]int]*direction // by the numbers of the nodes, from and to
	addrs map[netip.Addr]*Node
	ended bool
}

// New makes a network without nodes.
func New(cfg Config) (*Net, error) {
	if !cfg.Prefix.IsValid() {
		cfg.Prefix = netip.MustParsePrefix("10.99.0.0/24")
	}
	if cfg.Prefix = cfg.Prefix.Masked(); !cfg.Prefix.Addr().Is4() || cfg.Prefix.Bits() > 30 {
		return nil, fmt.Errorf("netlab: %s is not a range of several IPv4 addresses", cfg.Prefix)
	}
	if cfg.MTU == 0 {
		cfg.MTU = 1500
	}
	n := &Net{cfg: cfg, link: cfg.Link, paths: map[[2]int]*direction{}, addrs: map[netip.Addr]*Node{}}
	n.air = newAir(n.arrives)
	return n, nil
}

// Close ends the network and kills the processes that were started on its nodes. It may be called
// twice.
func (n *Net) Close() error {
	n.mu.Lock()
	if n.ended {
		n.mu.Unlock()
		return nil
	}
	n.ended = true
	nodes := n.nodes
	n.mu.Unlock()
	var errs []error
	for _, x := range nodes {
		errs = append(errs, x.close())
	}
	n.air.close()
	return errors.Join(errs...)
}

// Nodes are the nodes, in the order in which they were made.
func (n *Net) Nodes() []*Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Node(nil), n.nodes...)
}

// path is a direction. The caller holds mu.
func (n *Net) path(from, to *Node) *direction {
	key := [2]int{from.number, to.number}
	d := n.paths[key]
	if d == nil {
		d = newDirection(n.cfg.Seed, from.number, to.number, n.link)
		n.paths[key] = d
	}
	return d
}

// SetAll makes every direction, of nodes to come too, a link.
func (n *Net) SetAll(l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link = l
	for _, d := range n.paths {
		d.Link = l
	}
}

// Set makes one direction a link.
func (n *Net) Set(from, to *Node, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path(from, to).Link = l
}

// Counts are the packets of one direction so far.
func (n *Net) Counts(from, to *Node) Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.path(from, to).Counts
}

// Cut loses all packets between two nodes until [Net.Heal]. Cuts add up: what was cut twice is
// healed twice, and a pair is cut while one of its nodes is ([Node.Cut]).
func (n *Net) Cut(a, b *Node) { n.CutOneWay(a, b); n.CutOneWay(b, a) }

// Heal ends a [Net.Cut].
func (n *Net) Heal(a, b *Node) { n.HealOneWay(a, b); n.HealOneWay(b, a) }

// CutOneWay loses all packets of one direction until [Net.HealOneWay].
func (n *Net) CutOneWay(from, to *Node) { n.cut(from, to, 1) }

// HealOneWay ends a [Net.CutOneWay].
func (n *Net) HealOneWay(from, to *Node) { n.cut(from, to, -1) }

func (n *Net) cut(from, to *Node, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.path(from, to)
	d.cut = max(0, d.cut+by)
}

// Cut takes the node off the network until [Node.Heal], as if its cable were pulled: its interface
// stays up.
func (x *Node) Cut() { x.unplug(1) }

// Heal ends a [Node.Cut].
func (x *Node) Heal() { x.unplug(-1) }

func (x *Node) unplug(by int) {
	x.lab.mu.Lock()
	defer x.lab.mu.Unlock()
	x.cut = max(0, x.cut+by)
}

// sends takes a packet from a node.
func (n *Net) sends(from *Node, packet []byte) {
	if len(packet) < 20 || packet[0]>>4 != 4 { // not IPv4
		return
	}
	dest := netip.AddrFrom4([4]byte(packet[16:20]))
	now := time.Now()
	n.mu.Lock()
	to := n.addrs[dest]
	if to == nil || to == from {
		n.mu.Unlock()
		return
	}
	d := n.path(from, to)
	at, copies := d.pass(now, len(packet))
	n.mu.Unlock()
	for _, at := range at[:copies] {
		f := flight{at: at, from: from, to: to}
		if !at.After(now) {
			f.packet = packet
			n.arrives(f)
			continue
		}
		f.packet = append([]byte(nil), packet...)
		n.air.add(f)
	}
}

// arrives ends the flight of a packet.
func (n *Net) arrives(f flight) {
	n.mu.Lock()
	d := n.path(f.from, f.to)
	if d.cut+f.from.cut+f.to.cut > 0 {
		d.Cut++
		n.mu.Unlock()
		return
	}
	d.Arrived++
	n.mu.Unlock()
	// It fails when the node ends, or for want of memory: then the packet is lost.
	_, _ = f.to.tun.Write(f.packet)
}
