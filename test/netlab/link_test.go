//go:build linux

package netlab

import (
	"math"
	"testing"
	"time"
)

// send passes packets of 1,000 bytes, one each millisecond, and returns when the copies arrive,
// counted from the first.
func send(d *direction, packets int) (arrivals []time.Duration) {
	begin := time.Unix(0, 0)
	for i := range packets {
		at, copies := d.pass(begin.Add(time.Duration(i)*time.Millisecond), 1000)
		for _, at := range at[:copies] {
			arrivals = append(arrivals, at.Sub(begin))
		}
	}
	return arrivals
}

func overtaken(arrivals []time.Duration) (n int) {
	for i, at := range arrivals[1:] {
		if at < arrivals[i] {
			n++
		}
	}
	return n
}

func TestPerfectLink(t *testing.T) {
	for i, at := range send(newDirection(1, 0, 1, Link{Delay: 7 * time.Millisecond}), 1000) {
		if want := time.Duration(i+7) * time.Millisecond; at != want {
			t.Fatalf("packet %d arrives after %v, want %v", i, at, want)
		}
	}
}

// Shares are what they say, within four standard deviations of 10,000 packets.
func TestShares(t *testing.T) {
	const packets = 10000
	near := func(what string, got uint64, share float64) {
		t.Helper()
		if dev := math.Abs(float64(got) - share*packets); dev > 4*math.Sqrt(share*(1-share)*packets) {
			t.Errorf("%s: %d of %d packets, want about %v", what, got, packets, share*packets)
		}
	}
	d := newDirection(1, 0, 1, Link{Loss: 0.05, Duplicate: 0.1})
	arrivals := send(d, packets)
	near("lost", d.Lost, 0.05)
	near("twice", d.Twice, 0.095)
	if d.Sent != packets || uint64(len(arrivals)) != d.Sent-d.Lost+d.Twice {
		t.Errorf("%d arrivals: %+v", len(arrivals), d.Counts)
	}
	d = newDirection(1, 0, 1, Link{Delay: 20 * time.Millisecond, Reorder: 0.2})
	var early uint64
	for i, at := range send(d, packets) {
		if at == time.Duration(i)*time.Millisecond {
			early++
		}
	}
	near("early", early, 0.2)
}

func TestJitter(t *testing.T) {
	const delay, jitter = 100 * time.Millisecond, 50 * time.Millisecond
	least, most := time.Hour, time.Duration(0)
	arrivals := send(newDirection(1, 0, 1, Link{Delay: delay, Jitter: jitter}), 10000)
	for i, at := range arrivals {
		took := at - time.Duration(i)*time.Millisecond
		least, most = min(least, took), max(most, took)
	}
	if least < delay-jitter || least > delay-jitter+time.Millisecond || most > delay+jitter || most < delay+jitter-time.Millisecond {
		t.Errorf("packets take from %v to %v", least, most)
	}
	if n := overtaken(arrivals); n < 3000 {
		t.Errorf("%d packets overtake another", n)
	}
	if n := overtaken(send(newDirection(1, 0, 1, Link{Delay: delay, Jitter: jitter, Ordered: true}), 10000)); n > 0 {
		t.Errorf("%d packets of an ordered link overtake another", n)
	}
}

// A link of 1 Mbit/s takes 8 ms for each packet of 1,000 bytes, and loses what finds its queue
// full.
func TestRate(t *testing.T) {
	d := newDirection(1, 0, 1, Link{Rate: 1e6, Queue: 10000})
	arrivals := send(d, 1000)
	for i, at := range arrivals {
		if want := 8 * time.Millisecond * time.Duration(i+1); at != want {
			t.Fatalf("packet %d arrives after %v, want %v", i, at, want)
		}
	}
	// In a second 125 packets leave, and about 11 wait.
	if len(arrivals) < 130 || len(arrivals) > 140 || d.Full != 1000-uint64(len(arrivals)) {
		t.Errorf("%d arrivals: %+v", len(arrivals), d.Counts)
	}
}

// The same seed makes the same fates; another direction or another seed makes others.
func TestSeed(t *testing.T) {
	link := Link{Delay: time.Second, Jitter: time.Second, Loss: 0.5}
	first := send(newDirection(1, 0, 1, link), 100)
	same := func(d *direction) bool {
		other := send(d, 100)
		for i := range min(len(first), len(other)) {
			if first[i] != other[i] {
				return false
			}
		}
		return len(first) == len(other)
	}
	if !same(newDirection(1, 0, 1, link)) {
		t.Error("the same seed makes other fates")
	}
	if same(newDirection(2, 0, 1, link)) || same(newDirection(1, 1, 0, link)) {
		t.Error("another seed or direction makes the same fates")
	}
}
