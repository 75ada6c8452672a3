//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// Ten small programs that are wrong: what they do between MPI_Init and MPI_Finalize, and what they
// are said to wait for.
var hanging = map[string]struct{ body, says string }{
	"receive without a send": {`if (rank == 0) MPI_Recv(&x, 1, MPI_INT, 1, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);`,
		"deadlock: rank 0 waits in MPI_Recv for rank 1 (tag 5); 2 ranks have ended"},
	"all receive first": {`
		MPI_Recv(&x, 1, MPI_INT, (rank + 1) % 3, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		MPI_Send(&x, 1, MPI_INT, (rank + 2) % 3, 5, MPI_COMM_WORLD);`,
		"deadlock: rank 0 waits in MPI_Recv for rank 1 (tag 5), rank 1 in MPI_Recv for rank 2 (tag 5), rank 2 in MPI_Recv for rank 0 (tag 5)"},
	"wrong tag": {`
		if (rank == 0) MPI_Recv(&x, 1, MPI_INT, 1, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		if (rank == 1) MPI_Send(&x, 1, MPI_INT, 0, 5, MPI_COMM_WORLD);`,
		"deadlock: rank 0 waits in MPI_Recv for rank 1 (tag 6)"},
	"wrong communicator": {`
		MPI_Comm c;
		MPI_Comm_dup(MPI_COMM_WORLD, &c);
		MPI_Comm_set_name(c, "other");
		if (rank == 0) MPI_Recv(&x, 1, MPI_INT, 1, 5, c, MPI_STATUS_IGNORE);
		if (rank == 1) MPI_Send(&x, 1, MPI_INT, 0, 5, MPI_COMM_WORLD);`,
		"deadlock: rank 0 waits in MPI_Recv for rank 1 (tag 5) on other"},
	"a rank stays away": {`if (rank != 2) MPI_Allreduce(&rank, &x, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);`,
		"deadlock: rank 0 waits in MPI_Allreduce, rank 1 in MPI_Allreduce; rank 2 has ended"},
	"synchronous sends": {`
		MPI_Ssend(&x, 1, MPI_INT, (rank + 1) % 3, 5, MPI_COMM_WORLD);
		MPI_Recv(&x, 1, MPI_INT, (rank + 2) % 3, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);`,
		"deadlock: rank 0 waits in MPI_Ssend for rank 1 (tag 5), rank 1 in MPI_Ssend for rank 2 (tag 5), rank 2 in MPI_Ssend for rank 0 (tag 5)"},
	"one of two requests": {`
		MPI_Request r[2];
		int y[2];
		if (rank == 1) MPI_Send(&x, 1, MPI_INT, 0, 5, MPI_COMM_WORLD);
		if (rank == 0) {
			MPI_Irecv(&y[0], 1, MPI_INT, 1, 5, MPI_COMM_WORLD, &r[0]);
			MPI_Irecv(&y[1], 1, MPI_INT, 2, 7, MPI_COMM_WORLD, &r[1]);
			MPI_Waitall(2, r, MPI_STATUSES_IGNORE);
		}`, "deadlock: rank 0 waits in MPI_Waitall for rank 2 (tag 7)"},
	"probe for nothing": {`
		if (rank == 0) MPI_Probe(MPI_ANY_SOURCE, 9, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		MPI_Barrier(MPI_COMM_WORLD);`,
		"deadlock: rank 0 waits in MPI_Probe for any rank (tag 9), rank 1 in MPI_Barrier, rank 2 in MPI_Barrier"},
	"large sends in a ring": {`
		static char b[1 << 20];
		MPI_Send(b, sizeof b, MPI_CHAR, (rank + 1) % 3, 5, MPI_COMM_WORLD);
		MPI_Recv(b, sizeof b, MPI_CHAR, (rank + 2) % 3, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);`,
		"deadlock: rank 0 waits in MPI_Send for rank 1 (tag 5), rank 1 in MPI_Send for rank 2 (tag 5), rank 2 in MPI_Send for rank 0 (tag 5)"},
	"a rank ends early": {`
		MPI_Barrier(MPI_COMM_WORLD);
		if (rank != 1) MPI_Recv(&x, 1, MPI_INT, 1, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);`,
		"deadlock: rank 0 waits in MPI_Recv for rank 1 (tag 5), rank 2 in MPI_Recv for rank 1 (tag 5); rank 1 has ended"},
	"one barrier too many": {`
		MPI_Barrier(MPI_COMM_WORLD);
		if (rank > 0) MPI_Barrier(MPI_COMM_WORLD);`,
		"deadlock: rank 1 waits in MPI_Barrier, rank 2 in MPI_Barrier; rank 0 has ended"},
}

// Programs whose ranks wait for each other end with the reason, on one node and across three.
func TestDeadlock(t *testing.T) {
	nodes := cluster(t, 3)
	for name, x := range hanging {
		file := program(t, "int x = 0; (void)x; "+x.body)
		for _, how := range []string{"node", "slot"} {
			_, errs, code := nodes[0].command(t, "run", "-n", "3", "--map-by", how, file)
			if code != 1 || !strings.Contains(errs, x.says) {
				t.Errorf("%s, by %s: exit code %d, and not %q:\n%s", name, how, code, x.says, errs)
			}
			if !strings.Contains(errs, "RANK") || !strings.Contains(errs, ", for ") {
				t.Errorf("%s, by %s: no table:\n%s", name, how, errs)
			}
		}
	}
	wait := program(t, "int x; MPI_Recv(&x, 1, MPI_INT, (rank + 1) % 2, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);")
	_, errs, code := nodes[0].command(t, "run", "-n", "2", "--allow-deadlock", "--timeout", "2s", wait)
	if code != 1 || !strings.Contains(errs, "limit") || !strings.Contains(errs, "MPI_Recv from rank 1 (tag 5) on MPI_COMM_WORLD, for ") {
		t.Errorf("with --allow-deadlock: exit code %d:\n%s", code, errs)
	}
}
