//go:build linux

package netlab

import (
	"math/rand/v2"
	"time"
)

// Link is what one direction between two nodes does to packets. The zero value passes every packet
// at once. Shares are probabilities from 0 to 1, independent for each packet.
type Link struct {
	// Delay is how long a packet takes, and Jitter by how much that varies, evenly, up and down. As
	// with netem, packets overtake each other then, unless Ordered is set.
	Delay, Jitter time.Duration
	Ordered       bool
	Loss          float64 // share of packets that are lost
	Duplicate     float64 // share of packets that come twice
	Reorder       float64 // share of packets that take no Delay, and so overtake others
	Rate          int     // bits per second, of IP packets; 0 for no limit
	Queue         int     // bytes that may wait for Rate, the rest is lost; 0 for DefaultQueue
}

// DefaultQueue is the number of bytes that may wait where Link.Queue is 0: a fifth of a second at
// 10 Mbit/s.
const DefaultQueue = 256 << 10

// Counts are packets of one direction.
type Counts struct {
	Sent    uint64 // that the link was given; each is counted once below, or is still under way
	Arrived uint64
	Lost    uint64 // by Link.Loss
	Full    uint64 // lost because Link.Queue was full
	Cut     uint64 // lost because the direction was cut
	Twice   uint64 // second copies, which are not in Sent
}

// direction is the state of a link in one direction, without I/O.
type direction struct {
	Link
	cut    int // how many cuts hold: of the pair, of this direction
	random *rand.Rand
	busy   time.Time // until then Rate is taken
	last   time.Time // when the latest packet arrives, for Ordered
	Counts
}

func newDirection(seed uint64, from, to int, l Link) *direction {
	return &direction{Link: l, random: rand.New(rand.NewPCG(seed, uint64(from)<<32|uint64(to)))}
}

// pass says when the copies of a packet arrive: none, one or two. Every packet draws the same
// number of random values, so that the fate of later ones does not depend on earlier ones.
func (d *direction) pass(now time.Time, size int) (at [2]time.Time, copies int) {
	d.Sent++
	lost, twice := d.random.Float64() < d.Loss, d.random.Float64() < d.Duplicate
	for i := range at {
		early, vary := d.random.Float64() < d.Reorder, 2*d.random.Float64()-1
		if lost || i == 1 && !twice {
			continue
		}
		leaves, ok := d.transmit(now, size)
		if !ok {
			if i == 0 {
				d.Full++
			}
			continue
		}
		if !early {
			leaves = leaves.Add(max(0, d.Delay+time.Duration(vary*float64(d.Jitter))))
		}
		if d.Ordered && !early && leaves.Before(d.last) {
			leaves = d.last
		}
		if leaves.After(d.last) {
			d.last = leaves
		}
		at[copies] = leaves
		copies++
		if i == 1 {
			d.Twice++
		}
	}
	if lost {
		d.Lost++
	}
	return at, copies
}

// transmit is when the packet's last bit leaves, unless too much waits before it.
func (d *direction) transmit(now time.Time, size int) (time.Time, bool) {
	if d.Rate <= 0 {
		return now, true
	}
	takes := func(bytes int) time.Duration {
		return time.Duration(float64(bytes) * 8 / float64(d.Rate) * float64(time.Second))
	}
	queue := d.Queue
	if queue == 0 {
		queue = DefaultQueue
	}
	begins := now
	if d.busy.After(now) {
		begins = d.busy
	}
	if begins.Sub(now) > takes(queue) {
		return time.Time{}, false
	}
	d.busy = begins.Add(takes(size))
	return d.busy, true
}
