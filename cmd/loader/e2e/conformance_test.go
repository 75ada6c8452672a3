//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// Every C program of the project, compiled by ipfs-mpi cc, prints the same on one daemon and over
// three as Open MPI's mpirun does with the same source, and writes the same files.
func TestConformance(t *testing.T) {
	const ranks = 5
	nodes := cluster(t, 3)
	for _, p := range conformance.Programs() {
		t.Run(strings.Join(append([]string{p.Name}, p.Args...), " "), func(t *testing.T) {
			exe, dir := filepath.Join(t.TempDir(), p.Name), t.TempDir()
			if err := p.Native(t.Context(), built(), exe); err != nil {
				t.Fatal(err)
			}
			want, exit, err := p.Mpirun(t.Context(), exe, dir, ranks)
			if err != nil || exit != 0 || strings.Contains(want, "FAILED") {
				t.Fatalf("Open MPI: exit code %d, %v\n%s", exit, err, want)
			}
			spec := mpi.JobSpec{File: compiled(t, nodes[0], strings.Split(p.Source, "/")...), Ranks: ranks, Args: p.Args}
			for _, n := range []int{1, len(nodes)} {
				j, out := spread(t, nodes[:n], spec)
				if out != want {
					t.Errorf("on %d nodes:\n%s\nOpen MPI:\n%s", n, out, want)
				}
				for _, name := range p.Files {
					theirs, err := os.ReadFile(filepath.Join(dir, name))
					if err != nil {
						t.Fatal(err)
					}
					if ours := get(t, nodes[0].API+"/v1/jobs/"+j.ID+"/files/"+name); string(ours) != string(theirs) {
						t.Errorf("on %d nodes: %s has %d bytes, Open MPI's %d, or others", n, name, len(ours), len(theirs))
					}
				}
			}
		})
	}
}
