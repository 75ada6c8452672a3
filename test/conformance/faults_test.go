package conformance_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// accesses is a text in which the kinds of accesses to memory are those that are known here.
func accesses(says string) string {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return says
	}
	return strings.NewReplacer("load", "access", "store", "access").Replace(says)
}

// What a rank does with a NULL pointer ends the job, with the rank, the call and the line.
func TestNullPointers(t *testing.T) {
	for _, tt := range []struct{ does, says string }{
		{"load", "rank 1: trapped 0 NULL pointer: load at address 0x8 in weight (null.c:17) ← main (null.c:33)"},
		{"store", "rank 1: trapped 0 NULL pointer: store at address 0x9c40 in main (null.c:37)"},
		{"message", "rank 1: aborted 1 MPI_Send: a NULL pointer where 100 elements of 8 bytes are needed (MPI_ERR_BUFFER)"},
		{"result", "rank 1: aborted 13 MPI_Comm_rank: a NULL pointer where 4 bytes are needed (MPI_ERR_ARG)"},
		{"operation", "NULL pointer: store at address 0x0 in operation (null.c:22)"},
		{"file", "rank 1: aborted 7"},
		{"nothing", ""},
	} {
		t.Run(tt.does, func(t *testing.T) {
			p := conformance.Program{Name: "null", Source: "test/conformance/programs/null.c", Args: []string{tt.does}, Flags: []string{"-g"}}
			for placement, nodes := range placements(2) {
				got := job(t, p, nodes, 0)
				switch {
				case tt.says == "" && (got.err != nil || got.out != "well\n"):
					t.Errorf("%s: %v; %q", placement, got.err, got.out)
				case tt.says != "" && (got.err == nil || !strings.Contains(got.err.Error(), accesses(tt.says))):
					t.Errorf("%s: %v", placement, got.err)
				}
			}
		})
	}
}

// A rank that needs more memory than it may have fails with how much, and what to do; with that it
// does what it does under any other MPI.
func TestMemoryOfRank(t *testing.T) {
	const asked = "out-of-memory 0 it asked for 512.1 MiB besides the "
	const advice = "MiB in use; its limit is 256 MiB: allow it more with --memory 521MiB, up to MaxMemory of the nodes"
	for _, tt := range []struct {
		name, does string
		memory     int64
		out        string
		says       []string
	}{
		{"enough", "", 1 << 30, "536870912 bytes\n", nil},
		{"unchecked", "", 256 << 20, "", []string{asked, advice, accesses("; then: NULL pointer: store at address 0x0 in ")}},
		{"exits", "exit", 256 << 20, "", []string{asked, advice, "; then: exit code 3"}},
		{"aborts", "abort", 256 << 20, "", []string{"aborted 4", "before that it asked for 512.1 MiB", advice}},
		{"goes on", "goes on", 256 << 20, "went on without it\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := conformance.Program{Name: "memory", Source: "test/conformance/programs/memory.c", Memory: tt.memory}
			if tt.does != "" {
				p.Args = []string{tt.does}
			}
			got := job(t, p, []int{0}, 0)
			if (got.err == nil) != (tt.says == nil) || got.out != tt.out {
				t.Errorf("%v; %q", got.err, got.out)
			}
			for _, s := range tt.says {
				if got.err != nil && !strings.Contains(got.err.Error(), s) {
					t.Errorf("%v\ndoes not say %q", got.err, s)
				}
			}
		})
	}
}
