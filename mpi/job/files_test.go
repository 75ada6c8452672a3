package job

import (
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Files of one name are told apart by a directory of their rank, whose name no rank has used.
func TestNamesOfFilesDiffer(t *testing.T) {
	type wrote struct {
		rank int
		name string
	}
	for _, c := range []struct {
		wrote []wrote
		want  []string
	}{
		{[]wrote{{0, "a"}, {1, "b"}}, []string{"a", "b"}},
		{[]wrote{{0, "x"}, {1, "x"}, {1, "y"}}, []string{"rank-0/x", "rank-1/x", "y"}},
		{[]wrote{{0, "x"}, {1, "x"}, {2, "rank-1/x"}}, []string{"rank-0-/x", "rank-1-/x", "rank-1/x"}},
		{[]wrote{{0, "x"}, {1, "x"}, {2, "rank-0"}}, []string{"rank-0-/x", "rank-1-/x", "rank-0"}},
		{[]wrote{{0, "x"}, {1, "x"}, {0, "rank-0-/y"}, {1, "rank-0/x"}}, []string{"rank-0--/x", "rank-1--/x", "rank-0-/y", "rank-0/x"}},
		{[]wrote{{0, "x"}, {1, "x"}, {2, "rank-2/x"}}, []string{"rank-0/x", "rank-1/x", "rank-2/x"}},
	} {
		var files []*file
		for _, w := range c.wrote {
			files = append(files, &file{JobFile: mpi.JobFile{Name: w.name, Rank: w.rank}})
		}
		var got []string
		for _, f := range nameFiles(files) {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v are named %q, want %q", c.wrote, got, c.want)
		}
	}
}
