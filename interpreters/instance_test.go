package interpreters_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm"
)

// What an instance costs, by language: the smallest handler, from nothing to its answer, and gone.
// The two ways to make one take turns, so that they see the same machine: "us" is the median of
// instances in the pool, "on-demand-us" that of instances which map and unmap their memory.
func BenchmarkInstance(b *testing.B) {
	in := mpi.Envelope{Pid: 1, Messages: []mpi.Message{
		{Pid: 1, To: "A", From: "O", Data: make([]byte, 1024)},
	}}.AppendJSON(nil)
	dir := build(b)
	for _, name := range []string{"echo/1.0.0", "echo/1.1.0", "relay/1.0.0", "wordcount/1.0.0"} {
		code, err := os.ReadFile(filepath.Join(dir, name, "run.wasm"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			ways := []struct {
				unit  string
				slots int
				took  []time.Duration
				run   func()
			}{{unit: "us", slots: 4}, {unit: "on-demand-us"}}
			for i := range ways {
				rt := wasm.New(wasm.Config{HandlerSlots: ways[i].slots})
				defer rt.Close()
				p, err := rt.Compile(context.Background(), code)
				if err != nil {
					b.Fatal(err)
				}
				ways[i].run = func() {
					if out := p.Run(context.Background(), instanceExec(name, "A", "O", nil, in)); out.Reason != "" {
						b.Fatal(out.Detail)
					}
				}
				ways[i].run()
			}
			for b.Loop() {
				for i := range ways {
					for range 10 { // a turn
						start := time.Now()
						ways[i].run()
						ways[i].took = append(ways[i].took, time.Since(start))
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, w := range ways {
				slices.Sort(w.took)
				b.ReportMetric(float64(w.took[len(w.took)/2].Nanoseconds())/1000, w.unit)
			}
		})
	}
}
