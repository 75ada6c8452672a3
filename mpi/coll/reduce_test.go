package coll

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// MPI 5.0, 6.9.1: "the canonical evaluation order is the order of ranks", and the recommendation
// that the same arguments in the same order give the same result. The expression is that of the
// package's comment.
func TestReduceBits(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 1, 5, halvingBytes/8 - 1, halvingBytes / 8, halvingBytes/8 + 13} {
			want := make([]float64, count)
			for i := range want {
				want[i] = expression(n, i)
			}
			ranks(t, n, func(r *rank) { r.reduceAll(want) })
		}
	}
}

// number is element i of a rank's operand: numbers whose sum depends on the order.
func number(rank, i int) float64 {
	return math.Ldexp(float64(1+(rank*7+i*3)%11)/7, (rank*13+i)%60-30) * float64(1-2*((rank+i)%2))
}

// expression is the sum over n ranks as the package's comment writes it.
func expression(n, i int) float64 {
	leaves := 1
	for 2*leaves <= n {
		leaves *= 2
	}
	var list []float64
	for rank := 0; rank < n; rank++ {
		v := number(rank, i)
		if rank < 2*(n-leaves) {
			rank++
			v += number(rank, i)
		}
		list = append(list, v)
	}
	for ; len(list) > 1; list = list[:len(list)/2] {
		for k := range len(list) / 2 {
			list[k] = list[2*k] + list[2*k+1]
		}
	}
	return list[0]
}

// operand is the rank's operand.
func (r *rank) operand(count int) datatype.Buffer {
	list := make([]float64, count)
	for i := range list {
		list[i] = number(r.me, i)
	}
	return doubles(list)
}

func (r *rank) reduceAll(want []float64) {
	count, n := len(want), r.n
	sum := Op{Type: datatype.Named(abi.Double), Predefined: abi.Sum}
	packed := func(lo, hi int) []byte { return doubles(want[lo:hi]).Mem[:8*(hi-lo)] }
	for _, root := range roots(n) {
		for _, inPlace := range []bool{false, true} {
			s, send, recv := r.next(), r.operand(count), datatype.Buffer{}
			before := string(send.Mem)
			if r.me == root {
				recv = doubles(make([]float64, count))
				if inPlace {
					send, recv = datatype.Buffer{}, send
				}
			}
			s.Reduce(send, recv, sum, root)
			r.must(s)
			if r.me == root {
				r.holds(fmt.Sprintf("reduce to %d, in place %v", root, inPlace), recv, packed(0, count))
			}
			if string(send.Mem) != before && send.Type != nil {
				r.Errorf("reduce wrote to the send buffer")
			}
		}
	}
	for _, inPlace := range []bool{false, true} {
		s, send, recv := r.next(), r.operand(count), doubles(make([]float64, count))
		if inPlace {
			send, recv = datatype.Buffer{}, send
		}
		s.Allreduce(send, recv, sum)
		r.must(s)
		r.holds(fmt.Sprintf("allreduce of %d, in place %v", count, inPlace), recv, packed(0, count))

		counts := unequal(n, count/n)
		counts[n-1] = count
		for _, c := range counts[:n-1] {
			counts[n-1] -= c
		}
		lo := 0
		for _, c := range counts[:r.me] {
			lo += c
		}
		s, send, recv = r.next(), r.operand(count), doubles(make([]float64, counts[r.me]))
		if inPlace {
			send, recv = datatype.Buffer{}, send
		}
		s.ReduceScatter(send, recv, func(i int) int64 { return int64(counts[i]) }, sum)
		r.must(s)
		recv.Count = int64(counts[r.me])
		r.holds(fmt.Sprintf("reduce_scatter, in place %v", inPlace), recv, packed(lo, lo+counts[r.me]))
	}
}

// matrices is an operation of the user's: the product of matrices of 2 times 2, which is not
// commutative. Its elements are of a type with a gap.
type matrices struct {
	t      *testing.T
	allocs int
}

var matrix = func() *datatype.Type {
	row, err := datatype.Maker{}.Vector(2, 2, 3, datatype.Named(abi.Uint32T))
	if err != nil {
		panic(err)
	}
	t, err := datatype.Maker{}.Resized(row, -4, 24)
	if err != nil {
		panic(err)
	}
	return t
}()

// matrixBuffer is room for count matrices; the first begins after the gap of the type.
func matrixBuffer(count int) datatype.Buffer {
	return datatype.Buffer{Mem: make([]byte, 24*max(count, 1)+8), Addr: 4, Count: int64(count), Type: matrix}
}

func matrixOf(rank, i int) [4]uint32 {
	return [4]uint32{uint32(rank + 1), uint32(i + 2), uint32(3*rank + i), 1}
}

func times(a, b [4]uint32) [4]uint32 {
	return [4]uint32{a[0]*b[0] + a[1]*b[2], a[0]*b[1] + a[1]*b[3], a[2]*b[0] + a[3]*b[2], a[2]*b[1] + a[3]*b[3]}
}

func getMatrix(b []byte) (m [4]uint32) {
	for i := range m {
		m[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return m
}

func putMatrix(b []byte, m [4]uint32) []byte {
	for _, v := range m {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func (m *matrices) Combine(in, inout datatype.Buffer) error {
	a, b := make([]byte, in.Size()), make([]byte, in.Size())
	in.Pack(a, 0)
	inout.Pack(b, 0)
	var out []byte
	for i := 0; i < len(a); i += 16 {
		out = putMatrix(out, times(getMatrix(a[i:]), getMatrix(b[i:])))
	}
	inout.Unpack(out, 0)
	return nil
}

func (m *matrices) Alloc(n int64) (datatype.Buffer, error) {
	m.allocs++
	return matrixBuffer(int(n)), nil
}

func (m *matrices) Close() {}

// product is the product of the matrices of ranks lo to hi.
func product(count, lo, hi int) []byte {
	var b []byte
	for i := range count {
		m := [4]uint32{1, 0, 0, 1}
		for rank := lo; rank < hi; rank++ {
			m = times(m, matrixOf(rank, i))
		}
		b = putMatrix(b, m)
	}
	return b
}

// MPI 5.0, 6.9.5: an operation that is not commutative is evaluated in the order of ranks; the same
// for scans (6.11).
func TestUserOrder(t *testing.T) {
	for _, n := range sizes {
		for _, count := range []int{0, 1, 3, halvingBytes/16 + 3} {
			ranks(t, n, func(r *rank) { r.multiply(count) })
		}
	}
}

func (r *rank) multiply(count int) {
	n := r.n
	// each is the operation on a new operand, in place or not.
	each := func(what string, want []byte, add func(s *Schedule, send, recv datatype.Buffer, op Op)) {
		for _, inPlace := range []bool{false, true} {
			s, send, recv := r.next(), matrixBuffer(count), matrixBuffer(count)
			send.Unpack(product(count, r.me, r.me+1), 0)
			if inPlace {
				send, recv = datatype.Buffer{}, send
			}
			add(s, send, recv, Op{Type: matrix, User: &matrices{t: r.T}})
			r.must(s)
			if want != nil {
				recv.Count = int64(len(want) / 16)
				r.holds(fmt.Sprintf("%s of %d, in place %v", what, count, inPlace), recv, want)
			}
		}
	}
	all := product(count, 0, n)
	each("allreduce", all, func(s *Schedule, send, recv datatype.Buffer, op Op) { s.Allreduce(send, recv, op) })
	for _, root := range roots(n) {
		want := all
		if r.me != root {
			want = nil
		}
		each("reduce", want, func(s *Schedule, send, recv datatype.Buffer, op Op) {
			if send.Type == nil && r.me != root {
				send = recv
			}
			s.Reduce(send, recv, op, root)
		})
	}
	each("scan", product(count, 0, r.me+1), func(s *Schedule, send, recv datatype.Buffer, op Op) { s.Scan(send, recv, op) })
	before := product(count, 0, r.me)
	if r.me == 0 {
		before = nil
	}
	each("exscan", before, func(s *Schedule, send, recv datatype.Buffer, op Op) { s.Exscan(send, recv, op) })
	lo, hi := count*r.me/n, count*(r.me+1)/n
	each("reduce_scatter", all[16*lo:16*hi], func(s *Schedule, send, recv datatype.Buffer, op Op) {
		if send.Type != nil {
			recv.Count = int64(hi - lo)
		}
		s.ReduceScatter(send, recv, func(i int) int64 { return int64(count*(i+1)/n - count*i/n) }, op)
	})
}

// MPI 5.0, 6.9.4: the elements of MPI_DOUBLE_INT have a hole.
func TestMaxloc(t *testing.T) {
	pair := datatype.Named(abi.DoubleInt)
	make2 := func() datatype.Buffer { return datatype.Buffer{Mem: make([]byte, 32), Count: 2, Type: pair} }
	for _, n := range sizes {
		ranks(t, n, func(r *rank) {
			want := make([]byte, 24)
			put := func(b []byte, v float64, at int) {
				binary.LittleEndian.PutUint64(b, math.Float64bits(v))
				binary.LittleEndian.PutUint32(b[8:], uint32(at))
			}
			value := func(i int) float64 { return float64(i * 5 % 7) }
			best := 0
			for i := range n {
				if value(i) > value(best) {
					best = i
				}
			}
			put(want, value(best), best)
			put(want[12:], 1, 0)
			for _, inPlace := range []bool{false, true} {
				send, recv := make2(), make2()
				mine := make([]byte, 24)
				put(mine, value(r.me), r.me)
				put(mine[12:], 1, r.me)
				send.Unpack(mine, 0)
				if inPlace {
					send, recv = datatype.Buffer{}, send
				}
				s := r.next()
				s.Allreduce(send, recv, Op{Type: pair, Predefined: abi.Maxloc})
				r.must(s)
				r.holds("maxloc", recv, want)
			}
		})
	}
}
