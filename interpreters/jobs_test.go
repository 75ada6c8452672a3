package interpreters_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match/matchtest"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/process"
	"github.com/ipfs-mpi/ipfs-mpi/test/guest"
)

// The store's MPI programs run, each on one rank. test/conformance runs them on several.
func TestJobs(t *testing.T) {
	for _, line := range []string{
		"hello/1.0.0", "ring/1.0.0 20", "pi/1.0.0 100000", "heat/1.0.0 96 40", "sort/1.0.0 60000", "nbody/1.0.0 120 6",
		"mandelbrot/1.0.0 96 64 200", "cg/1.0.0 1500 2", "primes/1.0.0 1000",
	} {
		args := strings.Fields(line)
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			program, ok := loadAny(t, args[0]+"/run.wasm").(exec.MPIProgram)
			if !ok || !program.MPI() {
				t.Fatal("it is not an MPI program")
			}
			net := matchtest.Start(t.Context(), []int{0}, 0, match.Config{})
			defer net.Close()
			var stdout, stderr bytes.Buffer
			lib := process.New(process.Config{World: net.World(0), Nodes: []int{0}, Slots: 1, Processor: "test", Program: args[0], Start: time.Now()})
			prepare := func(int) exec.Exec {
				return exec.Exec{
					Args: args, MPI: lib, Memory: 64 << 20, Scratch: &exec.Scratch{Limit: 16 << 20},
					Streams: &exec.Streams{Out: &stdout, Err: &stderr},
				}
			}
			ended := func(_ int, _ exec.Exec, out exec.Outcome) {
				if out.Reason != "" || lib.Ended() != nil || stdout.Len() == 0 {
					t.Errorf("%s %s, %v, %d bytes of output\n%s", out.Reason, out.Detail, lib.Ended(), stdout.Len(), &stderr)
				}
			}
			if err := guest.Ranks(t.Context(), program, 1, prepare, ended); err != nil {
				t.Fatal(err)
			}
		})
	}
}
