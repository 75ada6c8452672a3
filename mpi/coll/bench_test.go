package coll

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// bench runs what make adds, again and again, on four ranks of one node. bytes is of each rank's
// buffer.
func bench(b *testing.B, bytes int, add func(s *Schedule, in, out datatype.Buffer)) {
	const n = 4
	all := make([]int, n)
	members := make([]int32, n)
	for i := range all {
		all[i], members[i] = i, int32(i)
	}
	w := match.New(context.Background(), match.Config{Size: n, Local: all})
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	var wg sync.WaitGroup
	for me := range n {
		wg.Go(func() {
			end := w.Endpoint(me)
			defer end.Close()
			e := NewEngine(end)
			in, out := datatype.Of(make([]byte, bytes)), datatype.Of(make([]byte, bytes))
			for i := range b.N {
				s := e.New(Team{Context: 1, Rank: me, Members: members}, uint32(i), false)
				add(s, in, out)
				if err := s.Run(); err != nil {
					b.Error(err)
					return
				}
				s.Free()
			}
		})
	}
	wg.Wait()
	w.Close()
}

func BenchmarkBarrier(b *testing.B) {
	bench(b, 0, func(s *Schedule, _, _ datatype.Buffer) { s.Barrier() })
}

func BenchmarkAllreduce(b *testing.B) {
	double := datatype.Named(abi.Double)
	for _, size := range []int{8, 1 << 10, 8 << 10, 64 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			bench(b, size, func(s *Schedule, in, out datatype.Buffer) {
				in.Type, out.Type, in.Count, out.Count = double, double, int64(size/8), int64(size/8)
				s.Allreduce(in, out, Op{Type: double, Predefined: abi.Sum})
			})
		})
	}
}

func BenchmarkAlltoall(b *testing.B) {
	for _, size := range []int{32, 4 << 10, 256 << 10, 4 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			bench(b, size, func(s *Schedule, in, out datatype.Buffer) {
				in.Count, out.Count = int64(size/4), int64(size/4)
				s.Alltoall(Blocks{One: in}, Blocks{One: out})
			})
		})
	}
}

func BenchmarkBcast(b *testing.B) {
	for _, size := range []int{8, 64 << 10, 256 << 10, 1 << 20, 8 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			bench(b, size, func(s *Schedule, in, _ datatype.Buffer) { s.Bcast(in, 0) })
		})
	}
}
