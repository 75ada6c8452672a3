package datatype

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// shapes are the buffers of 1 MiB of data that programs send most. The baseline is memmove.
func shapes(b *testing.B) map[string]Buffer {
	make := func(count int64) func(t *Type, err error) Buffer {
		return func(t *Type, err error) Buffer {
			if err != nil {
				b.Fatal(err)
			}
			lb, extent := t.TrueExtent()
			_, apart := t.Extent()
			return Buffer{Mem: make([]byte, lb+extent+(count-1)*apart), Count: count, Type: t}
		}
	}
	var m Maker
	var offs []int64
	for i := range int64(1 << 14) {
		offs = append(offs, i*20+i%3)
	}
	double := Named(abi.Double)
	return map[string]Buffer{
		"contiguous": make(1<<17)(double, nil),
		"column":     make(1)(m.Vector(1<<17, 1, 32, double)),
		"rows":       make(1)(m.Vector(1<<7, 1<<10, 1<<11, double)),
		"blocks":     make(1)(m.IndexedBlock(8, offs, double)),
		"face":       make(1)(m.Subarray([]int64{64, 256, 16}, []int64{64, 256, 8}, []int64{0, 0, 4}, abi.OrderC, double)),
		"pairs":      make(1 << 16)(m.Struct([]int64{1, 1}, []int64{0, 16}, []*Type{double, double})),
	}
}

func BenchmarkPack(b *testing.B) {
	packed := make([]byte, 1<<20)
	from := make([]byte, 1<<20)
	b.Run("memmove", func(b *testing.B) {
		b.SetBytes(1 << 20)
		for b.Loop() {
			copy(packed, from)
		}
	})
	for name, buf := range shapes(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(buf.Size())
			for b.Loop() {
				buf.Pack(packed, 0)
			}
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	packed := make([]byte, 1<<20)
	for name, buf := range shapes(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(buf.Size())
			for b.Loop() {
				buf.Unpack(packed, 0)
			}
		})
	}
}

func BenchmarkCopy(b *testing.B) {
	all := shapes(b)
	for _, names := range [][2]string{{"column", "column"}, {"column", "pairs"}, {"rows", "column"}, {"face", "blocks"}} {
		b.Run(names[0]+"-"+names[1], func(b *testing.B) {
			b.SetBytes(1 << 20)
			for b.Loop() {
				Copy(all[names[0]], all[names[1]])
			}
		})
	}
}

// BenchmarkSmall measures the cost of a small message.
func BenchmarkSmall(b *testing.B) {
	dst := make([]byte, 64)
	for name, buf := range shapes(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if buf.Check() == nil {
					buf.Pack(dst, 800)
				}
			}
		})
	}
}

func BenchmarkReduce(b *testing.B) {
	in, inout := make([]byte, 1<<16+8), make([]byte, 1<<16)
	for _, test := range []struct {
		name   string
		op     Op
		handle int32
	}{
		{"sum of doubles", abi.Sum, abi.Double}, {"sum of floats", abi.Sum, abi.Float}, {"sum of ints", abi.Sum, abi.Int}, {"max of doubles", abi.Max, abi.Double},
		{"product of complex", abi.Prod, abi.CDoubleComplex}, {"or of bytes", abi.Bor, abi.Byte}, {"sum of long doubles", abi.Sum, abi.LongDouble},
	} {
		for _, off := range []int{0, 1} {
			name := test.name
			if off > 0 {
				name += ", not aligned"
			}
			b.Run(name, func(b *testing.B) {
				b.SetBytes(1 << 16)
				for b.Loop() {
					test.op.Reduce(Named(test.handle), in[off:off+1<<16], inout)
				}
			})
		}
	}
	b.Run("maxloc of doubles", func(b *testing.B) {
		b.SetBytes(1 << 16)
		for b.Loop() {
			Op(abi.Maxloc).Reduce(Named(abi.DoubleInt), in[:1<<16], inout)
		}
	})
}
