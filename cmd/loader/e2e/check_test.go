//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A program whose calls do not match ends well without --check, and with it names both sides,
// whether its ranks are on one node or on two.
func TestRunCheck(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	nodes := cluster(t, 2)
	source := filepath.Join(t.TempDir(), "prog.c")
	text := `#include <mpi.h>
int main(int argc, char **argv) {
	int rank, i = 0;
	float f;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	if (argc > 1) {
		if (rank == 0)
			MPI_Send(&i, 1, MPI_INT, 1, 3, MPI_COMM_WORLD);
		else
			MPI_Recv(&f, 1, MPI_FLOAT, 0, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	}
	MPI_Bcast(&i, 1, MPI_INT, 0, MPI_COMM_WORLD);
	return MPI_Finalize();
}
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"node", "slot"} {
		run := []string{"run", "-n", "2", "--map-by", how}
		nodes[0].good(t, append(run, source, "wrong")...)
		nodes[0].good(t, append(run, "--check", source)...)
		_, errs, code := nodes[0].command(t, append(run, "--check", source, "wrong")...)
		const want = "mismatch: rank 0 sends 1 MPI_INT (MPI_Send, tag 3), rank 1 receives 1 MPI_FLOAT (MPI_Recv)"
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("by %s: exit code %d\n%s", how, code, errs)
		}
	}
}
