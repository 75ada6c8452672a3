package selector

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/near"
)

// Near returns suggestions for a "not found" error: at most n of the known interpreters, as
// "name/version", whose names are similar to what was asked for, "name" or "name/anything". The
// most similar is first. A known name with another version is most similar of all.
func Near(asked string, known []mpi.Interpreter, n int) []string {
	name, _, _ := strings.Cut(asked, "/")
	name = strings.ToLower(name[:min(len(name), mpi.MaxNameLen)])
	type hit struct {
		mpi.Interpreter
		far int
	}
	far := make(map[string]int) // by name, since many have several versions
	var hits []hit
	for _, i := range known {
		if len(i.Name) > mpi.MaxNameLen {
			continue
		}
		d, seen := far[i.Name]
		if !seen {
			d = near.Distance(name, strings.ToLower(i.Name))
			far[i.Name] = d
		}
		if d >= 0 {
			hits = append(hits, hit{i, d})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.far, b.far), strings.Compare(a.Name, b.Name), Compare(b.Version, a.Version))
	})
	var out []string
	for _, h := range hits {
		if len(out) >= n {
			break
		}
		if s := h.String(); len(out) == 0 || out[len(out)-1] != s { // equal ones are adjacent
			out = append(out, s)
		}
	}
	return out
}
