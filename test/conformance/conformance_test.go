package conformance_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// Every C program of the repository gives the same output and files under Open MPI as with our MPI:
// on one rank and several, on one node and several.
func TestAgainstOpenMPI(t *testing.T) {
	for _, p := range conformance.Programs() {
		t.Run(strings.Join(append([]string{p.Name}, p.Args...), " "), func(t *testing.T) {
			native := filepath.Join(t.TempDir(), p.Name)
			if err := p.Native(t.Context(), "../..", native); err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{1, 2, 3, 5} {
				dir := t.TempDir()
				want, exit, err := p.Mpirun(t.Context(), native, dir, n)
				if err != nil {
					t.Fatal(err)
				}
				if exit != 0 || strings.Contains(want, "FAILED") {
					t.Fatalf("%d ranks of Open MPI: exit code %d\n%s", n, exit, want)
				}
				for placement, nodes := range placements(n) {
					got := job(t, p, nodes, 0)
					if got.err != nil || got.out != want {
						t.Errorf("%d ranks, %s: %v\n%s\nOpen MPI:\n%s", n, placement, got.err, got.out, want)
					}
					for _, name := range p.Files {
						data, err := os.ReadFile(filepath.Join(dir, name))
						if err != nil || got.files[name] != string(data) {
							t.Errorf("%d ranks, %s: %s has %d bytes, Open MPI's %d (%v)", n, placement, name, len(got.files[name]), len(data), err)
						}
					}
				}
			}
		})
	}
}

// placements are the node of each of n ranks.
func placements(n int) map[string][]int {
	list := map[string][]int{"one node": make([]int, n)}
	if n > 1 {
		by := make([]int, n)
		for i := range by {
			by[i] = i % 2
		}
		list["two nodes in turn"] = by
	}
	if n > 2 {
		each := make([]int, n)
		for i := range each {
			each[i] = i
		}
		list["a node each"] = each
	}
	return list
}

// The same job gives the same output and the same files to the last byte, wherever its ranks are
// and however late packets arrive.
func TestPlacementDoesNotMatter(t *testing.T) {
	for _, p := range conformance.Programs() {
		t.Run(strings.Join(append([]string{p.Name}, p.Args...), " "), func(t *testing.T) {
			want := job(t, p, make([]int, 6), 0)
			if want.err != nil || strings.Contains(want.out, "FAILED") {
				t.Fatalf("%v\n%s", want.err, want.out)
			}
			for seed, nodes := range [][]int{{0, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 0, 1}, {0, 0, 1, 1, 2, 2}, {0, 1, 2, 0, 1, 2}, {0, 1, 2, 3, 4, 0}, {4, 3, 2, 1, 0, 4},
				{0, 1, 2, 3, 4, 5}} {
				got := job(t, p, nodes, uint64(seed+1))
				if got.err != nil || got.out != want.out {
					t.Errorf("on %v: %v\n%s\nnot\n%s", nodes, got.err, got.out, want.out)
				}
				if !maps.Equal(got.files, want.files) {
					t.Errorf("on %v the files are others", nodes)
				}
			}
		})
	}
}

// Programs in Go, with package mpi.
func TestGo(t *testing.T) {
	for source, prints := range map[string]string{
		"interpreters/testdata/gompi/1.0.0": "ok\n",
		"interpreters/primes/1.0.0":         "168 primes below 1000, the last of them 997, and 35 pairs of twins, on %d ranks\n",
	} {
		t.Run(source, func(t *testing.T) {
			p := conformance.Program{Name: filepath.Base(filepath.Dir(source)), Source: source, Args: []string{"1000"}}
			for _, nodes := range [][]int{{0}, {0, 0}, {0, 1, 0}, {0, 1, 2, 3, 0}} {
				got := job(t, p, nodes, 0)
				want := prints
				if strings.Contains(prints, "%d") {
					want = fmt.Sprintf(prints, len(nodes))
				}
				if got.err != nil || got.out != want {
					t.Errorf("on %v: %v\n%s", nodes, got.err, got.out)
				}
			}
		})
	}
}
