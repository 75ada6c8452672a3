// Package near tells which known names are similar to one that somebody mistyped.
package near

import (
	"cmp"
	"slices"
	"strings"
)

// Of returns at most n of the known names that are similar to the one asked for, the most similar
// first.
func Of(asked string, known []string, n int) []string {
	asked = strings.ToLower(asked[:min(len(asked), maxAsked)])
	far := make(map[string]int)
	var hits []string
	for _, name := range known {
		if _, seen := far[name]; seen {
			continue
		}
		if far[name] = Distance(asked, strings.ToLower(name)); far[name] >= 0 {
			hits = append(hits, name)
		}
	}
	slices.SortFunc(hits, func(a, b string) int {
		return cmp.Or(cmp.Compare(far[a], far[b]), strings.Compare(a, b))
	})
	return hits[:min(len(hits), n)]
}

const maxAsked = 128 // bytes of a name that are looked at

// Distance is the number of edits between a known name and the one asked for; -1 if that is too
// many for a suggestion. If one is a prefix of the other it is 2 at most.
func Distance(asked, known string) int {
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
