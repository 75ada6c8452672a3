package selector

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
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
			d = distance(name, strings.ToLower(i.Name))
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

// distance is the number of edits between a known name and the one asked for; -1 if that is too
// many for a suggestion. If one is a prefix of the other it is 2 at most.
func distance(asked, known string) int {
	d := edits(asked, known)
	if len(asked) >= 2 && (strings.HasPrefix(known, asked) || len(known) >= 2 && strings.HasPrefix(asked, known)) {
		return min(d, 2)
	}
	if d > max(1, len(asked)/3) {
		return -1
	}
	return d
}

// edits is the number of bytes to insert, delete, replace or swap with their neighbour to turn a
// into b (Damerau's distance, restricted to adjacent swaps).
func edits(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
