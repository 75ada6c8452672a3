package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

// ranked sorts candidates by priority: the newest version of every name first, then the second
// newest, and so on; within a rank by name.
func ranked(list []candidate) []candidate {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), selector.Compare(b.Version, a.Version))
	})
	nth := make([]int, len(list))
	for i := range list {
		if i > 0 && list[i-1].Name == list[i].Name {
			nth[i] = nth[i-1] + 1
		}
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(nth[a], nth[b]) })
	out := make([]candidate, len(list))
	for i, at := range order {
		out[i] = list[at]
	}
	return out
}

// room adds up bytes until a limit, 0 for none, and counts each CID once.
type room struct {
	limit, used int64
	in          map[mpi.CID]bool
}

func newRoom(limit int64) *room { return &room{limit: limit, in: make(map[mpi.CID]bool)} }

// add reserves room for c, if there is enough.
func (r *room) add(c mpi.CID, size int64) bool {
	if r.in[c] {
		return true
	}
	if r.limit > 0 && size > r.limit-r.used {
		return false
	}
	r.in[c] = true
	r.used += min(size, 1<<62-r.used)
	return true
}

// plan divides candidates, which are in the order of ranked, into what is kept and what is not.
type plan struct {
	want []candidate // to fetch, pin and serve, in order of rank
	// stopgap are older versions that are ready and in service until the newer ones that replace
	// them are ready. They do not fit beside all of want, but beside that part of want which is
	// here.
	stopgap []candidate
	skipped []mpi.Skipped // neither, with the reason
}

// makePlan divides candidates so that want fits within limit bytes; 0 is no limit. size returns how
// large a candidate is; here reports whether it is ready, or fetched and only to be pinned.
func makePlan(candidates []candidate, limit int64, size func(candidate) int64, here func(mpi.CID) bool) plan {
	var p plan
	all := newRoom(limit)
	var over []candidate
	for _, c := range candidates {
		switch {
		case len(p.want) >= mpi.MaxServes:
			p.skipped = appendSkipped(p.skipped, c.String(), fmt.Sprintf("a node serves at most %d interpreters", mpi.MaxServes))
		case all.add(c.CID, size(c)):
			p.want = append(p.want, c)
		default:
			over = append(over, c)
		}
	}
	now := newRoom(limit)
	for _, c := range p.want {
		if here(c.CID) {
			now.add(c.CID, size(c))
		}
	}
	for _, c := range over {
		if here(c.CID) && len(p.want)+len(p.stopgap) < mpi.MaxServes && now.add(c.CID, size(c)) {
			p.stopgap = append(p.stopgap, c)
			continue
		}
		why := fmt.Sprintf("does not fit: it has %s, and of MaxStore, %s, newer versions take %s", sizeText(size(c)), sizeText(limit), sizeText(all.used))
		if size(c) > limit {
			why = fmt.Sprintf("does not fit: it has at least %s, and MaxStore is %s", sizeText(min(size(c), limit+1)), sizeText(limit))
		}
		p.skipped = appendSkipped(p.skipped, c.String(), why)
	}
	return p
}
