package ranks

import (
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// Look implements [exec.RankGroup]. A rank that reads input or writes output is not parked in
// package match, and so is not idle.
func (g *group) Look() {
	g.open.RLock()
	defer g.open.RUnlock()
	if g.closed {
		return
	}
	// A packet is counted as got once all that comes of it has come. One that is being dealt with
	// is counted as sent where it came from, and the sums differ.
	var s exec.Standing
	told := int(g.told.Load())
	dealt := g.got.Load()
	now := g.world.Standing()
	s.Idle, s.Epoch = now.Idle && g.started && g.ctx.Err() == nil, now.Epoch
	for i := range g.lanes {
		if l := g.lanes[i].Load(); l != nil {
			l.mu.Lock()
			if !l.failed { // with a node that has failed nothing adds up
				s.Sent += l.sent
				s.Got += l.got.Load()
			}
			l.mu.Unlock()
		}
	}
	for _, r := range g.local {
		if g.world.Ended(r) {
			told--
		}
	}
	// A rank whose program has ended still writes output and files.
	s.Idle = s.Idle && g.got.Load() == dealt && told == 0
	s.Waits = g.waits(now.Waiting)
	g.owner.Stand(s)
}

// waits says what ranks wait for, for people.
func (g *group) waits(list []match.Waiting) []exec.RankWait {
	now := time.Now()
	var waits []exec.RankWait
	if g.stdin != nil {
		if since := g.stdin.waits(); !since.IsZero() {
			waits = append(waits, exec.RankWait{RankWait: mpi.RankWait{Call: mpi.ReadsInput, For: now.Sub(since)}})
		}
	}
	for _, x := range list {
		if len(waits) == mpi.MaxWaits {
			break
		}
		w := mpi.RankWait{Call: x.Call, Comm: x.Comm, For: max(now.Sub(x.Since), 0)}
		for _, m := range x.Messages { // wildcards are below 0
			w.Messages = append(w.Messages, mpi.WaitMessage{Send: m.Send, Rank: max(m.Peer, -1), Tag: max(int(m.Tag), -1)})
		}
		waits = append(waits, exec.RankWait{Rank: x.Rank, RankWait: w.Clip()})
	}
	slices.SortStableFunc(waits, func(a, b exec.RankWait) int { return a.Rank - b.Rank })
	return waits
}
