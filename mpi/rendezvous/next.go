package rendezvous

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// work is what is to be done now, and when to ask again.
type work struct {
	probes  []probe
	lookups []mpi.CID
	adverts []mpi.CID
	at      time.Time // zero: not before something happens
}

func (w *work) by(t time.Time) {
	if w.at.IsZero() || t.Before(w.at) {
		w.at = t
	}
}

// next takes out what is due. Whoever calls it does all of it, and reports each outcome.
func (v *view) next(now time.Time) work {
	var w work
	for i := range v.lanes {
		l := &v.lanes[i]
		for l.Len() > 0 && l.busy < v.lim.probes {
			p := l.peers[0]
			if p.due.After(now) {
				w.by(p.due)
				break
			}
			heap.Pop(l)
			if p.gone || v.idle(now, p) {
				v.forget(now, p)
				continue
			}
			w.probes = append(w.probes, v.begin(now, p))
		}
	}
	if !v.poolsDue.After(now) {
		v.nextPools(now, &w)
	}
	if !v.poolsDue.IsZero() {
		w.by(v.poolsDue)
	}
	return w
}

// idle says that a peer in view is due only for its age and is of no use: not connected,
// in no pool of ours, and nobody asks for peers of any kind.
func (v *view) idle(now time.Time, p *contact) bool {
	return p.in && !p.connected && !p.useful && !p.doubt && p.fails == 0 && p.asked >= v.tell &&
		!v.pools[general].wanted(now)
}

// nextPools takes out the lookups and advertisements that are due, ends what is over and
// sets poolsDue.
func (v *view) nextPools(now time.Time, w *work) {
	v.poolsDue = time.Time{}
	by := func(t time.Time) {
		if v.poolsDue.IsZero() || t.Before(v.poolsDue) {
			v.poolsDue = t
		}
	}
	var lookups, adverts []mpi.CID
	gone := false
	for program, pl := range v.pools {
		if v.expire(now, program, pl) {
			gone = true
			continue
		}
		if pl.until.After(now) {
			by(pl.until)
		}
		if r := pl.round; r != nil {
			if r.until.After(now) {
				by(r.until)
			} else {
				v.end(now, pl)
			}
		}
		if !v.discovery {
			continue
		}
		if pl.wanted(now) && !pl.lookup.busy {
			if pl.lookup.due.After(now) {
				by(pl.lookup.due)
			} else {
				lookups = append(lookups, program)
			}
		}
		if (pl.served || program == general) && !pl.advert.busy {
			if pl.advert.due.After(now) {
				by(pl.advert.due)
			} else {
				adverts = append(adverts, program)
			}
		}
	}
	if gone {
		v.rate()
	}
	if v.poolsDue.IsZero() {
		v.poolsDue = now.Add(v.t.BackoffMax)
	}
	v.startLookups(lookups, w)
	v.startAdverts(adverts, w)
}

// startLookups takes those that a Refresh waits for in any number that rounds can be, and
// of the others the longest due, as many as may run at once. The rest follow when one ends.
func (v *view) startLookups(due []mpi.CID, w *work) {
	slices.SortFunc(due, func(a, b mpi.CID) int {
		x, y := v.pools[a], v.pools[b]
		if (x.round != nil) != (y.round != nil) {
			if x.round != nil {
				return -1
			}
			return 1
		}
		return cmp.Or(x.lookup.due.Compare(y.lookup.due), cmp.Compare(a, b))
	})
	for _, program := range due {
		pl := v.pools[program]
		if v.lookups >= v.lim.lookups && (pl.round == nil || v.lookups >= 4*v.lim.lookups) {
			break
		}
		pl.lookup.busy = true
		v.lookups++
		w.lookups = append(w.lookups, program)
	}
}

func (v *view) startAdverts(due []mpi.CID, w *work) {
	slices.SortFunc(due, func(a, b mpi.CID) int {
		return cmp.Or(v.pools[a].advert.due.Compare(v.pools[b].advert.due), cmp.Compare(a, b))
	})
	for _, program := range due {
		if v.adverts >= v.lim.adverts {
			break
		}
		v.pools[program].advert.busy = true
		v.adverts++
		w.adverts = append(w.adverts, program)
	}
}
