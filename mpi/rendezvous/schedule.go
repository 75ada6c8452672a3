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
			if p.gone {
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

// nextPools takes out the lookups and advertisements that are due, ends what is over and
// sets poolsDue.
func (v *view) nextPools(now time.Time, w *work) {
	v.poolsDue = time.Time{}
	by := func(t time.Time) {
		if v.poolsDue.IsZero() || t.Before(v.poolsDue) {
			v.poolsDue = t
		}
	}
	var lookups, adverts []job
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
				lookups = append(lookups, job{program, pl})
			}
		}
		if (pl.served || program == general) && !pl.advert.busy {
			if pl.advert.due.After(now) {
				by(pl.advert.due)
			} else {
				adverts = append(adverts, job{program, pl})
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

// job is a lookup or an advertisement that is due.
type job struct {
	program mpi.CID
	pool    *pool
}

// startLookups starts the longest due, as many as may run at once, and before them those
// that a Refresh waits for, more of them. The rest follow when one ends.
func (v *view) startLookups(due []job, w *work) {
	slices.SortFunc(due, func(a, b job) int {
		if x, y := a.pool.round != nil, b.pool.round != nil; x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Or(a.pool.lookup.due.Compare(b.pool.lookup.due), cmp.Compare(a.program, b.program))
	})
	for _, j := range due {
		if v.lookups >= v.lim.lookups && (j.pool.round == nil || v.lookups >= 4*v.lim.lookups) {
			break
		}
		j.pool.lookup.busy = true
		v.lookups++
		w.lookups = append(w.lookups, j.program)
	}
}

func (v *view) startAdverts(due []job, w *work) {
	slices.SortFunc(due, func(a, b job) int {
		return cmp.Or(a.pool.advert.due.Compare(b.pool.advert.due), cmp.Compare(a.program, b.program))
	})
	for _, j := range due {
		if v.adverts >= v.lim.adverts {
			break
		}
		j.pool.advert.busy = true
		v.adverts++
		w.adverts = append(w.adverts, j.program)
	}
}
