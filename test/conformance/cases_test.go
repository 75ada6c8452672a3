package conformance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// Small programs that other implementations of MPI take, though not all of them do: what each
// prints, on one node and on several.
func TestPortable(t *testing.T) {
	for _, c := range []struct {
		name  string
		ranks int
		want  string
	}{
		{"create-group-outsiders", 4, "inside 2, outside 2\n"},
		{"logical-count", 2, "0 1 1\n"},
		{"oldnames", 1, "extent 16, ub 16, lb 0\n"},
		{"status-elements", 1, "2305843009213693952 9223372036854775807\n"},
		{"type-errors-return", 1, "returned an error\n"},
		{"type-null", 1, "done\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := conformance.Program{Name: c.name, Source: fmt.Sprintf("test/conformance/programs/%s.c", c.name)}
			for placement, nodes := range placements(c.ranks) {
				if got := job(t, p, nodes, 0); got.err != nil || got.out != c.want {
					t.Errorf("%s: %v\n%s", placement, got.err, got.out)
				}
			}
		})
	}
}

// Small programs of which parts of MPI or of POSIX are out of reach, and which do not depend on
// them: what each prints.
func TestDropIn(t *testing.T) {
	for _, c := range []struct {
		name  string
		ranks int
		flags string
		want  string
	}{
		{"affinity", 1, "-D_GNU_SOURCE", "asked\n"},
		{"implicit-declaration", 1, "-Wno-error", "42\n"},
		{"optional-io", 2, "", "no file asked for\n"},
		{"rusage", 1, "", "rusage ok\n"},
		{"system", 1, "", "no command\n"},
		{"temporary-files", 1, "", "1 1 kept 0 0 -1 1 /\n"},
		{"unused-onesided", 2, "-Wno-unused-function", "sum 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := conformance.Program{Name: c.name, Source: fmt.Sprintf("test/conformance/programs/%s.c", c.name), Flags: strings.Fields(c.flags)}
			for placement, nodes := range placements(c.ranks) {
				if got := job(t, p, nodes, 0); got.err != nil || got.out != c.want {
					t.Errorf("%s: %v\n%s", placement, got.err, got.out)
				}
			}
		})
	}
}
