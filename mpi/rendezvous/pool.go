package rendezvous

import (
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/backoff"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/frame"
)

// pool is what the view keeps of one pool that this node serves or was asked about.
type pool struct {
	served bool
	until  time.Time // when interest ends; zero for none
	since  uint64    // the epoch from which our hellos name it
	found  time.Time // when the last lookup ended
	lookup cycle
	advert cycle
	round  *round // the Refresh under way
}

// cycle is a lookup or advertisement that is repeated, with pauses.
type cycle struct {
	busy  bool
	again bool      // once more, at once, when this one ends
	due   time.Time // zero for now
	wait  time.Duration
}

// soon resets the pauses and has the next run start at once.
func (c *cycle) soon() {
	c.due, c.wait, c.again = time.Time{}, 0, c.busy
}

// pause ends one run; the next follows after d.
func (c *cycle) pause(now time.Time, d time.Duration) {
	c.busy, c.due = false, now.Add(d)
	if c.again {
		c.again, c.due, c.wait = false, time.Time{}, 0
	}
}

// double is the pause that follows this one.
func (c *cycle) double(least, most time.Duration) time.Duration {
	c.wait = backoff.Policy{First: least, Max: most}.Next(c.wait)
	return c.wait
}

// round is one Refresh: it is over when all that it asked has answered or failed.
type round struct {
	until   time.Time
	looking bool
	asked   map[mpi.PeerID]bool // those whose probe has not ended
	done    chan struct{}       // closed at the end
}

// needy says whether the answer to a hello can tell us anything about a pool.
func (v *view) needy() bool { return len(v.pools) > 1 }

// wanted says whether a pool is looked up.
func (pl *pool) wanted(now time.Time) bool { return pl.served || now.Before(pl.until) }

// interest makes or keeps a pool of interest.
func (v *view) interest(now time.Time, program mpi.CID) *pool {
	pl := v.pools[program]
	if pl == nil {
		v.makeRoom(now)
		v.epoch++ // no reason to tell anybody: who is asked from now on will see it
		pl = &pool{since: v.epoch}
		v.pools[program] = pl
		v.rate()
	}
	pl.until = now.Add(v.t.Interest)
	v.poolsDue = time.Time{}
	return pl
}

// makeRoom ends the oldest interest while there are as many as a hello can name.
func (v *view) makeRoom(now time.Time) {
	var oldest mpi.CID
	n := 0
	for program, pl := range v.pools {
		if program == general || pl.served {
			continue
		}
		n++
		if oldest == general || pl.until.Before(v.pools[oldest].until) {
			oldest = program
		}
	}
	if n >= frame.MaxWants {
		v.pools[oldest].until = time.Time{}
		v.expire(now, oldest, v.pools[oldest])
	}
}

// expire drops a pool that is neither served nor of interest any more. The caller rates.
func (v *view) expire(now time.Time, program mpi.CID, pl *pool) bool {
	if program == general || pl.wanted(now) {
		return false
	}
	if pl.round != nil {
		v.end(now, pl)
	}
	delete(v.pools, program)
	return true
}

// refresh starts a round for a pool, or joins the one under way, and returns what is
// closed at its end.
func (v *view) refresh(now time.Time, program mpi.CID) <-chan struct{} {
	pl := v.interest(now, program)
	if pl.round != nil {
		return pl.round.done
	}
	r := &round{until: now.Add(v.t.Refresh), asked: map[mpi.PeerID]bool{}, done: make(chan struct{})}
	pl.round = r
	for _, p := range v.peers {
		if !p.connected || p.gone || !p.in && !p.speaks {
			continue
		}
		if p.in && p.asked >= pl.since && now.Sub(p.askedAt) < v.lim.fresh && !p.doubt {
			continue
		}
		v.probe(now, p)
		r.asked[p.id] = true
	}
	if v.discovery {
		r.looking = true
		if !pl.lookup.busy {
			pl.lookup.soon()
		}
	}
	v.check(now, pl)
	return r.done
}

// settle says that the probe of a peer ended and no other follows.
func (v *view) settle(now time.Time, id mpi.PeerID) {
	for _, pl := range v.pools {
		if pl.round != nil && pl.round.asked[id] {
			delete(pl.round.asked, id)
			v.check(now, pl)
		}
	}
}

// check ends a round that waits for nothing any more.
func (v *view) check(now time.Time, pl *pool) {
	if r := pl.round; r != nil && len(r.asked) == 0 && !r.looking {
		v.end(now, pl)
	}
}

func (v *view) end(now time.Time, pl *pool) {
	close(pl.round.done)
	pl.round = nil
	if !v.discovery {
		pl.found = now
	}
}

// looked says that a lookup ended; ok is false if it could not be made.
func (v *view) looked(now time.Time, program mpi.CID, ok bool) {
	v.lookups--
	v.poolsDue = time.Time{}
	pl := v.pools[program]
	if pl == nil {
		return
	}
	if ok {
		pl.found = now
	}
	pl.lookup.pause(now, v.jitter(pl.lookup.double(v.t.BackoffMin, v.t.BackoffMax)))
	if pl.round != nil {
		pl.round.looking = false
		v.check(now, pl)
	}
}

// advertised says that an advertisement ended, and holds for ttl; zero if it failed.
func (v *view) advertised(now time.Time, program mpi.CID, ttl time.Duration) {
	v.adverts--
	v.poolsDue = time.Time{}
	pl := v.pools[program]
	if pl == nil {
		return
	}
	least, most := v.t.BackoffMin, v.t.BackoffMax
	if ttl > 0 {
		// Soon at first: in a young network the records lie with the few peers there were.
		most = max(ttl/2, v.t.BackoffMin)
		least = min(v.t.Advertise, most)
	} else if pl.advert.wait > most {
		pl.advert.wait = 0
	}
	pl.advert.pause(now, v.jitter(pl.advert.double(least, most)))
}

// linked says how many peers of any kind are connected. With the first one the network
// is worth asking again.
func (v *view) linked(n int) {
	if v.links == 0 && n > 0 {
		for _, pl := range v.pools {
			pl.lookup.soon()
			pl.advert.soon()
		}
		v.poolsDue = time.Time{}
	}
	v.links = n
}

// hinted follows what a peer says of another.
func (v *view) hinted(now time.Time, source *contact, program mpi.CID, a frame.PeerAddrs, local bool) {
	if !v.eligible(a.Peer) {
		return
	}
	p := v.peers[a.Peer]
	if p != nil && (p.in || p.probing) {
		v.join(program, p)
		return
	}
	if v.hints == nil {
		v.hints = perMinute(v.lim.allHints)
	}
	if source.hints == nil {
		source.hints = perMinute(v.lim.sourceHint)
	}
	if !source.hints.AllowN(now, 1) {
		return
	}
	if a, ok := v.vet(a, local); ok && v.fair(now, source) && v.hints.AllowN(now, 1) {
		v.consider(now, program, a)
	}
}

// fair says whether another hint of a source may cost what is common to all. While that is scarce,
// the sources that have used less of their own part come first.
func (v *view) fair(now time.Time, source *contact) bool {
	left := v.hints.TokensAt(now) / float64(v.lim.allHints)
	used := 1 - source.hints.TokensAt(now)/float64(v.lim.sourceHint)
	return used <= 2*left
}

// found follows what a lookup found.
func (v *view) found(now time.Time, program mpi.CID, a frame.PeerAddrs) {
	if v.pools[program] != nil && v.eligible(a.Peer) {
		v.consider(now, program, a)
	}
}

func (v *view) eligible(id mpi.PeerID) bool { return id != v.self && v.admit(id) }

// consider probes a peer that someone named for a pool, unless that was tried lately.
func (v *view) consider(now time.Time, program mpi.CID, a frame.PeerAddrs) {
	p := v.peers[a.Peer]
	switch {
	case p == nil:
		if p = v.candidate(now, a.Peer, false); p == nil {
			return
		}
		p.addrs = v.merge(a.Addrs, nil)
		v.probe(now, p)
	case p.in:
	default:
		p.addrs = v.merge(a.Addrs, p.addrs)
		waits := p.fails > 0 || p.gone
		if waits && (v.pools[program].round == nil || now.Sub(p.failed) < v.lim.again) {
			return
		}
		if waits {
			v.probe(now, p)
		}
	}
	v.join(program, p)
}

// join makes the round of a pool, if there is one, wait for a peer that is to be probed.
func (v *view) join(program mpi.CID, p *contact) {
	if pl := v.pools[program]; pl.round != nil && !p.in && (p.probing || p.index >= 0) {
		pl.round.asked[p.id] = true
	}
}

// merge puts new addresses before old ones, each once.
func (v *view) merge(news, olds []string) []string {
	all := make([]string, 0, min(len(news)+len(olds), v.lim.addrs))
	for _, a := range slices.Concat(news, olds) {
		if len(all) < v.lim.addrs && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}
