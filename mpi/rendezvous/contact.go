package rendezvous

import (
	"container/heap"
	"time"

	"golang.org/x/time/rate"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// contact is all that the view knows of one peer: a member in view, or a candidate.
type contact struct {
	id    mpi.PeerID
	addrs []string // where hints and lookups saw it

	in      bool        // in view: hello is its own word, and nothing says that it is gone
	hello   frame.Hello // its last, without Members
	size    int         // of hello, about
	group   string      // of its address: see link
	useful  bool        // serves a program of v.pools
	heard   time.Time   // when it last said hello, asked or not
	asked   uint64      // the epoch of our last hello that it answered
	askedAt time.Time   // when it did

	connected bool
	speaks    bool      // it identified itself with our protocol on this connection
	spoke     time.Time // when it did
	doubt     bool      // suspected or disconnected: the next failure drops it
	flaps     int       // disconnections, each soon after the one before
	flapped   time.Time

	fails  int       // probes in a row
	failed time.Time // the last of them, or its goodbye
	gone   bool      // kept only to remember that; forgotten when due

	// One probe at a time. gen changes when what an exchange under way brings is void.
	probing bool
	again   bool // probe once more when this one ends
	gen     uint64
	started time.Time // of the last probe

	due    time.Time // when to probe, or to forget; valid while queued
	needed bool      // due for another reason than its age
	lane   int
	index  int // in its lane's heap; -1 when not queued

	hints *rate.Limiter // of its hints; nil before the first
}

// Peers that are only heard of have a lane of their own, so that dials that lead nowhere do not
// delay the others.
const (
	laneKnown = iota // in view or connected
	laneBlind        // only heard of
	laneCount
)

// lane is a heap of peers by due time, and the number of probes in progress.
type lane struct {
	peers []*contact
	busy  int
}

func (l *lane) Len() int           { return len(l.peers) }
func (l *lane) Less(i, j int) bool { return l.peers[i].due.Before(l.peers[j].due) }

func (l *lane) Swap(i, j int) {
	l.peers[i], l.peers[j] = l.peers[j], l.peers[i]
	l.peers[i].index, l.peers[j].index = i, j
}

func (l *lane) Push(x any) {
	p := x.(*contact)
	p.index = len(l.peers)
	l.peers = append(l.peers, p)
}

func (l *lane) Pop() any {
	p := l.peers[len(l.peers)-1]
	l.peers[len(l.peers)-1] = nil
	l.peers = l.peers[:len(l.peers)-1]
	p.index = -1
	return p
}

// queue sets when p is due, in the lane of its present state.
func (v *view) queue(p *contact, at time.Time) {
	v.unqueue(p)
	p.due, p.lane = at, laneBlind
	if p.in || p.connected {
		p.lane = laneKnown
	}
	heap.Push(&v.lanes[p.lane], p)
}

func (v *view) unqueue(p *contact) {
	if p.index >= 0 {
		heap.Remove(&v.lanes[p.lane], p.index)
	}
}

// probe has p asked at once, or once more if it is being asked already.
func (v *view) probe(now time.Time, p *contact) { v.probeAt(now, p) }

// probeAt has p asked at the given time if not before, and not right after the last time.
func (v *view) probeAt(at time.Time, p *contact) {
	p.gone = false
	if p.probing {
		p.again = true
		return
	}
	if earliest := p.started.Add(v.lim.gap); at.Before(earliest) {
		at = earliest
	}
	if p.index >= 0 && p.due.Before(at) {
		at = p.due
	}
	p.needed = true
	v.queue(p, at)
}

// quarantine remembers p as gone for a while, so that hints and stale records do not have it
// probed again and again.
func (v *view) quarantine(now time.Time, p *contact, d time.Duration) {
	p.gone, p.again, p.needed = true, false, false
	v.queue(p, now.Add(d))
}

// perMinute is a limiter of n at once, and then n per minute.
func perMinute(n int) *rate.Limiter { return rate.NewLimiter(rate.Limit(float64(n)/60), n) }
