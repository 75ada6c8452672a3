//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// survivor adds up ones over a communicator until some process has failed, and then a hundred times
// more over one of those that are left.
const survivor = `#include <mpi.h>
#include <mpi-ext.h>
#include <stdio.h>

int main(int argc, char **argv) {
	int rank, size, world, recoveries = 0, more = 100, one = 1, sum = 0;
	MPI_Comm comm, next;
	MPI_Init(&argc, &argv);
	MPI_Comm_size(MPI_COMM_WORLD, &world);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	MPI_Comm_dup(MPI_COMM_WORLD, &comm);
	printf("rank %d works\n", rank);
	while (!recoveries || more > 0) {
		int class = MPI_SUCCESS, err = MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm);
		if (err == MPI_SUCCESS) {
			more -= recoveries > 0;
			continue;
		}
		MPI_Error_class(err, &class);
		if (class != MPIX_ERR_PROC_FAILED && class != MPIX_ERR_REVOKED)
			MPI_Abort(MPI_COMM_WORLD, class);
		MPIX_Comm_revoke(comm);
		if (MPIX_Comm_shrink(comm, &next) != MPI_SUCCESS)
			MPI_Abort(MPI_COMM_WORLD, 99);
		MPI_Comm_free(&comm);
		comm = next;
		recoveries++;
		more = 100;
	}
	MPI_Comm_rank(comm, &rank);
	MPI_Comm_size(comm, &size);
	if (rank == 0)
		printf("done: %d of %d ranks, sum %d\n", size, world, sum);
	MPI_Finalize();
	return 0;
}
`

// A daemon is killed at a random moment while ranks work in a job with --ft: those of the others
// get MPIX_ERR_PROC_FAILED, shrink their communicator and finish. The record says which ranks
// failed. NODEKILLS is how many are killed, or 2.
func TestJobSurvivesAKilledNode(t *testing.T) {
	kills := 2
	if s := os.Getenv("NODEKILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatalf("NODEKILLS=%s is no number of kills", s)
		}
	}
	dir := t.TempDir()
	source, file := filepath.Join(dir, "survivor.c"), filepath.Join(dir, "survivor.wasm")
	if err := os.WriteFile(source, []byte(survivor), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, loader, "cc", "-o", file, source)
	store := filepath.Join(dir, "store") // of one small program, which is compiled fast
	if err := os.CopyFS(filepath.Join(store, "echo"), os.DirFS(filepath.Join(storeDir, "echo"))); err != nil {
		t.Fatal(err)
	}
	var nodes []*node
	for i := range kills {
		if len(nodes) < 3 { // one to kill, and more than one that is left
			nodes = cluster(t, 4, "--store", store, "--mpi-config", `{"RankSlots":2,"Programs":"any"}`)
		}
		ranks := 2 * len(nodes)
		job := launch(t, []string{"IPFS_PATH=" + nodes[0].Repo}, loader, "run", "--ft", "--wait-slots", "1m", "-n", strconv.Itoa(ranks), file)
		job.await(t, "all ranks to work", func() bool { return strings.Count(job.output(), " works\n") == ranks })
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) // a random moment
		victim := nodes[len(nodes)-1]
		nodes = nodes[:len(nodes)-1]
		kill(t, victim)
		begin := time.Now()
		job.await(t, "the end of the job", job.ended)
		want := fmt.Sprintf("done: %d of %d ranks, sum %d\n", ranks-2, ranks, ranks-2)
		if code := job.cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(job.output(), want) {
			t.Fatalf("kill %d: exit code %d, and not %q:\n%s", i, code, want, job.output())
		}
		t.Logf("kill %d: the job ended %v later", i, time.Since(begin))
		var list struct{ Jobs []mpi.Job }
		if err := json.Unmarshal([]byte(nodes[0].good(t, "ps", "-a", "--json")), &list); err != nil {
			t.Fatal(err)
		}
		for r, rank := range list.Jobs[0].Ranks {
			switch dead := rank.Peer == mpi.PeerID(victim.Peer); {
			case dead && (rank.Failed == nil || rank.Failed.Reason != mpi.Lost):
				t.Errorf("kill %d: rank %d, which was killed, failed: %+v", i, r, rank.Failed)
			case !dead && (rank.Failed != nil || rank.Exit == nil || *rank.Exit != 0):
				t.Errorf("kill %d: rank %d failed: %+v", i, r, rank.Failed)
			}
		}
	}
}
