package conformance_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// The programs of test/bench that measure messages, on two ranks of one node. Each measures by
// itself; the metric is the best that it printed, the benchmark's own time is meaningless.
func BenchmarkWithinNode(b *testing.B) {
	for _, name := range []string{"window", "pingpong"} {
		b.Run(name, func(b *testing.B) {
			p := conformance.Program{Name: name, Source: "test/bench/" + name + ".c", Args: []string{"8"}}
			best := 0.0
			for range b.N {
				f := strings.Fields(run(b, p, 2))
				v, err := strconv.ParseFloat(f[2], 64)
				if err != nil {
					b.Fatal(err)
				}
				if better := v > best; best == 0 || better == (name == "window") {
					best = v
				}
				b.ReportMetric(best, f[3])
			}
		})
	}
}

// What calls of MPI take that need no other rank.
func BenchmarkCalls(b *testing.B) {
	for range b.N {
		b.Logf("\n%s", run(b, conformance.Program{Name: "calls", Source: "test/bench/calls.c"}, 1))
	}
}

// run is what a program prints on n ranks of one node.
func run(b *testing.B, p conformance.Program, n int) string {
	r := job(b, p, make([]int, n), 0)
	if r.err != nil {
		b.Fatal(r.err)
	}
	return r.out
}
