package conformance_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/test/conformance"
)

// The programs of test/bench that measure messages, on two ranks of one node. Each measures by
// itself and its output is the metric; the benchmark's own time is meaningless.
func BenchmarkWithinNode(b *testing.B) {
	for _, name := range []string{"window", "pingpong"} {
		b.Run(name, func(b *testing.B) {
			p := conformance.Program{Name: name, Source: "test/bench/" + name + ".c", Args: []string{"8"}}
			for range b.N {
				r := job(b, p, []int{0, 0}, 0)
				f := strings.Fields(r.out)
				if r.err != nil || len(f) < 4 {
					b.Fatal(r.err, r.out)
				}
				v, err := strconv.ParseFloat(f[2], 64)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(v, f[3])
			}
		})
	}
}
