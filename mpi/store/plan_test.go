package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// cands parses "name/version=size", each with its own CID unless one is given: "=size@cid".
func cands(specs ...string) []candidate {
	var list []candidate
	for _, spec := range specs {
		var c candidate
		spec, id, ok := strings.Cut(spec, "@")
		if !ok {
			id = spec
		}
		full, size, _ := strings.Cut(spec, "=")
		c.Name, c.Version, _ = strings.Cut(full, "/")
		c.CID = mpi.CID(id)
		fmt.Sscan(size, &c.size)
		list = append(list, c)
	}
	return list
}

func names(list []candidate) []string {
	out := []string{}
	for _, c := range list {
		out = append(out, c.String())
	}
	return out
}

func TestRanked(t *testing.T) {
	got := names(ranked(cands("b/1.0.0", "a/1.9.0", "a/1.10.0", "c/1.0.0", "b/2.0.0", "a/2.0.0-rc.1", "a/1.0.0")))
	want := []string{"a/2.0.0-rc.1", "b/2.0.0", "c/1.0.0", "a/1.10.0", "b/1.0.0", "a/1.9.0", "a/1.0.0"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPlan(t *testing.T) {
	for _, tc := range []struct {
		name    string
		limit   int64
		in      []string // in order of rank
		here    []string
		want    []string
		stopgap []string
		skipped []string
	}{
		{"no limit", 0, []string{"a/2=100", "b/1=9223372036854775807", "a/1=9223372036854775807"}, nil, []string{"a/2", "b/1", "a/1"}, nil, nil},
		{"all fit", 30, []string{"a/2=10", "b/1=10", "a/1=10"}, nil, []string{"a/2", "b/1", "a/1"}, nil, nil},
		{"the oldest goes", 29, []string{"a/2=10", "b/1=10", "a/1=10"}, nil, []string{"a/2", "b/1"}, nil, []string{"a/1"}},
		{"a smaller one fits", 25, []string{"a/2=10", "b/1=100", "a/1=10"}, nil, []string{"a/2", "a/1"}, nil, []string{"b/1"}},
		{"nothing fits", 5, []string{"a/2=10", "b/1=9223372036854775807"}, nil, nil, nil, []string{"a/2", "b/1"}},
		{"same bytes count once", 10, []string{"a/2=10@x", "b/1=10@x"}, nil, []string{"a/2", "b/1"}, nil, nil},
		{"old one stays until the new one is here", 15, []string{"a/2=10", "a/1=10"}, []string{"a/1=10"}, []string{"a/2"}, []string{"a/1"}, nil},
		{"and goes then", 15, []string{"a/2=10", "a/1=10"}, []string{"a/1=10", "a/2=10"}, []string{"a/2"}, nil, []string{"a/1"}},
		{"two old ones, room for one", 25, []string{"a/3=20", "b/1=5", "a/2=15", "a/1=15"}, []string{"b/1=5", "a/2=15", "a/1=15"}, []string{"a/3", "b/1"}, []string{"a/2"}, []string{"a/1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := makePlan(cands(tc.in...), tc.limit, func(c candidate) int64 { return c.size }, func(c mpi.CID) bool { return slices.Contains(tc.here, string(c)) })
			skipped := []string{}
			for _, s := range p.skipped {
				skipped = append(skipped, s.Path)
				if !strings.Contains(s.Why, "does not fit") {
					t.Errorf("%s: %s", s.Path, s.Why)
				}
			}
			if !slices.Equal(names(p.want), tc.want) || !slices.Equal(names(p.stopgap), tc.stopgap) || !slices.Equal(skipped, tc.skipped) {
				t.Errorf("want %q, stopgap %q, skipped %q", names(p.want), names(p.stopgap), skipped)
			}
		})
	}
}

func TestPlanServesABoundedNumber(t *testing.T) {
	var list []candidate
	for i := range mpi.MaxServes + 2 {
		list = append(list, candidate{Interpreter: mpi.Interpreter{Name: fmt.Sprint("n", i), Version: "1.0.0", CID: mpi.CID(fmt.Sprint(i))}, size: 1})
	}
	p := makePlan(list, 0, func(candidate) int64 { return 1 }, func(mpi.CID) bool { return false })
	if len(p.want) != mpi.MaxServes || len(p.skipped) != 2 {
		t.Errorf("%d wanted, %d skipped", len(p.want), len(p.skipped))
	}
}

func TestReasonNamesSizeAndLimit(t *testing.T) {
	p := makePlan(cands("a/2.0.0=9000", "a/1.0.0=5000", "b/1.0.0=20000"), 10_000, func(c candidate) int64 { return c.size }, func(mpi.CID) bool { return false })
	if why := p.skipped[0].Why; !strings.Contains(why, "5000 bytes") || !strings.Contains(why, "10000 bytes") {
		t.Error(why)
	}
	if why := p.skipped[1].Why; !strings.Contains(why, "at least 10001 bytes") {
		t.Error(why)
	}
}
