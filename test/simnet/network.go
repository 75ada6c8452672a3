package simnet

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// Network joins hosts. Its methods are for many goroutines.
type Network struct {
	// MinDelay and MaxDelay bound the way of a write from one host to another. They are set before
	// the first host. Defaults 1 ms and 10 ms.
	MinDelay, MaxDelay time.Duration
	// Wrote, if set, is told what one end of a stream writes, before any of it arrives. It is set
	// before the first host, and takes no lock that is held while something is written.
	Wrote func(s network.Stream, b []byte)

	mu    sync.Mutex // guards what is below, and lanes
	r     *rand.Rand
	hosts []*Host // by number; a host that has started again takes its place
	links map[[2]int]*link
	wg    sync.WaitGroup // handlers of streams and connections
}

// New makes a network whose delays are drawn from the seed.
func New(seed uint64) *Network {
	return &Network{
		MinDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond,
		r:     rand.New(rand.NewPCG(seed, 17)),
		links: map[[2]int]*link{},
	}
}

// link is what joins two hosts, whichever of them have started again.
type link struct {
	since time.Time // of the cut; zero while there is none
	lanes map[*lane]struct{}
}

// link returns that of two hosts, by their numbers. mu is held.
func (n *Network) link(a, b int) *link {
	key := [2]int{min(a, b), max(a, b)}
	l := n.links[key]
	if l == nil {
		l = &link{lanes: map[*lane]struct{}{}}
		n.links[key] = l
	}
	return l
}

// Cut has nothing pass between two hosts until Heal.
func (n *Network) Cut(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.link(a.number, b.number); l.since.IsZero() {
		l.since = time.Now()
	}
}

// Heal ends a cut. What was under way comes later: see the package comment.
func (n *Network) Heal(a, b *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.link(a.number, b.number)
	if l.since.IsZero() {
		return
	}
	outage := time.Since(l.since)
	l.since = time.Time{}
	for x := range l.lanes {
		x.retry(time.Duration(n.r.Int64N(int64(outage) + 1)))
	}
}

// isCut reports whether nothing passes between two hosts.
func (n *Network) isCut(a, b *Host) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.link(a.number, b.number).since.IsZero()
}

// delay draws one. mu is held.
func (n *Network) delay() time.Duration {
	return n.MinDelay + time.Duration(n.r.Int64N(int64(n.MaxDelay-n.MinDelay)+1))
}

// lane is one direction of a connection: what is put into it arrives in order.
type lane struct {
	n    *Network
	link *link

	// Guarded by the network's mutex.
	queue   []parcel
	timer   *time.Timer // of the first parcel; nil without one
	stalled bool        // the first parcel met a cut
	closed  bool
}

// parcel is what arrives at a time.
type parcel struct {
	at time.Time
	f  func()
}

func (n *Network) newLane(l *link) *lane {
	x := &lane{n: n, link: l}
	l.lanes[x] = struct{}{}
	return x
}

// put has f called on arrival. f is called by one goroutine at a time, and takes no lock of the
// network's.
func (l *lane) put(f func()) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.closed {
		return
	}
	at := time.Now().Add(l.n.delay())
	if k := len(l.queue); k > 0 && at.Before(l.queue[k-1].at) {
		at = l.queue[k-1].at
	}
	l.queue = append(l.queue, parcel{at, f})
	if len(l.queue) == 1 {
		l.arm()
	}
}

// arm waits for the first parcel. The network's mutex is held.
func (l *lane) arm() {
	l.timer = time.AfterFunc(time.Until(l.queue[0].at), l.arrive)
}

func (l *lane) arrive() {
	l.n.mu.Lock()
	if l.closed || len(l.queue) == 0 {
		l.n.mu.Unlock()
		return
	}
	if !l.link.since.IsZero() {
		l.stalled = true
		l.n.mu.Unlock()
		return
	}
	f := l.queue[0].f
	l.n.mu.Unlock()
	f()
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.queue = l.queue[1:]; len(l.queue) > 0 && !l.closed {
		l.arm()
	}
}

// retry goes on after a cut, if it met the lane. The network's mutex is held.
func (l *lane) retry(after time.Duration) {
	if l.stalled && !l.closed {
		l.stalled = false
		l.timer = time.AfterFunc(after, l.arrive)
	}
}

// shut drops what is under way.
func (l *lane) shut() {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.closed = true
	l.queue = nil
	if l.timer != nil {
		l.timer.Stop()
	}
	delete(l.link.lanes, l)
}
