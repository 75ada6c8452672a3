package conformance_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

var record = flag.Bool("record", false, "write testdata/results.txt anew: only if results of jobs are meant to change")

// Results of jobs stay the same to the last byte from one version to the next. testdata/results.txt
// has a hash of the output and the files of each job. Where the ranks are makes no difference.
func TestRecordedResults(t *testing.T) {
	const file = "testdata/results.txt"
	recorded := map[string]string{} // hash by job
	if text, err := os.ReadFile(file); err == nil {
		for line := range strings.Lines(string(text)) {
			hash, job, _ := strings.Cut(strings.TrimSpace(line), "  ")
			recorded[job] = hash
		}
	} else if !*record {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range recordedPrograms() {
		t.Run(strings.Join(append([]string{p.Name}, p.Args...), " "), func(t *testing.T) {
			for _, n := range []int{1, 2, 3, 5, 8} {
				name := fmt.Sprintf("%d ranks: %s", n, strings.Join(append([]string{p.Name}, p.Args...), " "))
				want := recorded[name]
				for nodes := 1; nodes <= min(n, 3); nodes++ {
					on := make([]int, n)
					for rank := range on {
						on[rank] = rank % nodes
					}
					r := job(t, p, on, 0)
					if r.err != nil {
						t.Fatalf("%d ranks on %d nodes: %v\n%s", n, nodes, r.err, r.out)
					}
					got := r.hash()
					if *record && nodes == 1 {
						want = got
					}
					if got != want {
						t.Errorf("%d ranks on %d nodes: hash %s, not %q\n%s", n, nodes, got, want, r.out)
					}
				}
				lines = append(lines, want+"  "+name+"\n")
			}
		})
	}
	if len(lines) != len(recorded) && !*record {
		t.Errorf("%d jobs ran, %d are recorded in %s", len(lines), len(recorded), file)
	}
	if *record && !t.Failed() {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// recordedPrograms are those that other implementations of MPI run too, and some whose results are
// ours alone: the order of operands in a reduction is not in the standard.
func recordedPrograms() []conformance.Program {
	list := append(conformance.Programs(),
		conformance.Program{Name: "bits", Source: "test/conformance/programs/bits.c"},
		conformance.Program{Name: "primes", Source: "interpreters/primes/1.0.0", Args: []string{"1000"}})
	return slices.DeleteFunc(list, func(p conformance.Program) bool { return filepath.Base(p.Source) == "storm.c" })
}

// hash is that of the output and of all files.
func (r result) hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s", len(r.out), r.out)
	for _, name := range slices.Sorted(maps.Keys(r.files)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(r.files[name]), r.files[name])
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:16])
}
