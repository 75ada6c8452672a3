package conformance_test

import (
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// Programs that are right run as they do otherwise when what their ranks call is compared.
func TestCheckOfRightPrograms(t *testing.T) {
	for _, p := range conformance.Programs() {
		t.Run(strings.Join(append([]string{p.Name}, p.Args...), " "), func(t *testing.T) {
			for _, nodes := range [][]int{{0}, {0, 0}, {0, 0, 0, 0, 0}, {0, 1, 2, 0, 1}} {
				want := job(t, p, nodes, 1)
				if got := checkedJob(t, p, nodes); got.err != nil || got.out != want.out {
					t.Errorf("on %v: %v\n%s\nnot\n%s", nodes, got.err, got.out, want.out)
				}
			}
		})
	}
}

// Programs that are wrong: the job ends, and names both sides of the first mismatch (MPI 5.0, 3.3.1
// and 6.1), whether its ranks are on one node or on two.
func TestCheckOfWrongPrograms(t *testing.T) {
	const world = ", on MPI_COMM_WORLD"
	for _, c := range []struct{ name, want string }{
		{"send-int-receive-double", "rank 0 sends 4 MPI_INT (MPI_Send, tag 3), rank 1 receives 4 MPI_DOUBLE (MPI_Recv)"},
		{"bcast-reduce", "rank 0 calls MPI_Bcast, rank 1 calls MPI_Reduce" + world},
		{"roots", "rank 0 calls MPI_Bcast with root 0, rank 1 with root 1" + world},
		{"counts", "rank 0 calls MPI_Allreduce with 4 MPI_INT, rank 1 with 8 MPI_INT" + world},
		{"operations", "rank 0 calls MPI_Iallreduce with MPI_SUM, rank 1 with MPI_MAX" + world},
		{"gather-sizes", "in MPI_Gather rank 1 gives rank 0 2 MPI_FLOAT, which gets 1 MPI_FLOAT" + world},
		{"scatter-types", "in MPI_Scatter rank 0 gives rank 1 2 MPI_INT, which gets 2 MPI_FLOAT" + world},
		{"allreduce-barrier", "rank 0 calls MPI_Allreduce, rank 1 calls MPI_Barrier" + world},
		{"derived", "rank 0 sends 3 of a derived datatype, 6 basic elements (MPI_Isend, tag 7), " +
			"rank 1 receives 5 of a derived datatype, 10 basic elements (MPI_Irecv)"},
		{"sendrecv", "rank 1 sends 2 MPI_UNSIGNED (MPI_Sendrecv, tag 1), rank 0 receives 2 MPI_INT (MPI_Sendrecv)"},
		{"large", "rank 0 sends 200000 MPI_CHAR (MPI_Ssend, tag 1), rank 1 receives 200000 MPI_BYTE (MPI_Recv)"},
		{"too-long", "rank 0 sends 8 MPI_INT (MPI_Send, tag 3), rank 1 receives 4 MPI_INT (MPI_Recv)"},
		{"alltoallv", "in MPI_Alltoallv rank 0 gives rank 1 2 MPI_INT, which gets 1 MPI_INT" + world},
		{"split-dup", "rank 0 calls MPI_Comm_dup, rank 1 calls MPI_Comm_split" + world},
		{"one-more", "rank 0 calls MPI_Bcast, rank 1 calls MPI_Finalize" + world},
		{"communicators", "rank 0 calls MPI_Barrier, rank 1 calls MPI_Bcast, on a communicator of 2"},
		{"late", "data arrived than this rank's count and datatype say"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := conformance.Program{Name: "mismatch", Source: "test/conformance/programs/mismatch.c", Args: []string{c.name}}
			for _, nodes := range [][]int{{0, 0}, {0, 1}} {
				if r := checkedJob(t, p, nodes); r.err == nil || !strings.Contains(r.err.Error(), c.want) {
					t.Errorf("on %v: %v", nodes, r.err)
				}
			}
		})
	}
}
