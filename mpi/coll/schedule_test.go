package coll

import (
	"errors"
	"runtime"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// MPI 5.0, 6.12: several nonblocking collectives on one communicator at once, completed in any
// order, do not mix; they progress though the rank does not wait.
func TestManyAtOnce(t *testing.T) {
	ranks(t, 6, func(r *rank) {
		const many, count = 24, 1500
		var list []*Schedule
		var got []datatype.Buffer
		var want [][]byte
		for k := range many {
			s := r.next()
			b := r.buffer(count)
			switch k % 3 {
			case 0:
				if root := k % r.n; r.me == root {
					b = r.filled(count, root, k)
				}
				s.Bcast(b, k%r.n)
				want = append(want, pattern(count, k%r.n, k))
			case 1:
				b = r.buffer(r.n * count)
				s.Allgather(r.filled(count, r.me, k), blocksOf(b, count))
				want = append(want, concat(r.n, count, k))
			case 2:
				b = doubles(make([]float64, count))
				s.Allreduce(r.operand(count), b, Op{Type: datatype.Named(abi.Double), Predefined: abi.Sum})
				sum := make([]float64, count)
				for i := range sum {
					sum[i] = expression(r.n, i)
				}
				want = append(want, doubles(sum).Mem)
			}
			s.Start()
			list, got = append(list, s), append(got, b)
		}
		for k := range list {
			k = (k*7 + r.me*5) % many // another order on each rank
			for !list[k].Done() {
				runtime.Gosched()
			}
			if err := list[k].Finish(); err != nil {
				r.Error(err)
			}
			r.holds("one of many", got[k], want[k])
			list[k].Free()
		}
		if r.used != 0 {
			r.Errorf("%d bytes are in use after all schedules were freed", r.used)
		}
	})
}

// MPI 5.0, 6.13: a persistent collective is started again and again, with what is in the buffers by
// then, in another order than it was made in.
func TestPersistent(t *testing.T) {
	ranks(t, 5, func(r *rank) {
		const count = 400
		sum := Op{Type: datatype.Named(abi.Int32T), Predefined: abi.Sum}
		var list []*Schedule
		var in, out []datatype.Buffer
		for range 3 {
			r.number++
			s := r.New(r.team, r.number, true)
			in = append(in, datatype.Buffer{Mem: make([]byte, 4*count), Count: count, Type: sum.Type})
			out = append(out, datatype.Buffer{Mem: make([]byte, 4*count), Count: count, Type: sum.Type})
			s.Allreduce(in[len(in)-1], out[len(out)-1], sum)
			list = append(list, s)
		}
		for round := range 20 {
			for i := range list {
				k := (i*(1+r.me%2) + r.me) % 3
				in[k].Mem[0] = byte(r.me + round + k)
				list[k].Start()
			}
			for k, s := range list {
				if err := r.end.Wait(s.Done); err != nil || s.Finish() != nil {
					r.Errorf("%v, %v", err, s.Finish())
				}
				if got, want := out[k].Mem[0], byte(10+5*(round+k)); got != want {
					r.Errorf("round %d of %d: %d, not %d", round, k, got, want)
				}
			}
		}
		for _, s := range list {
			s.Free()
		}
		if r.used != 0 {
			r.Errorf("%d bytes are in use after all schedules were freed", r.used)
		}
	})
}

// What was asked for too much, or does not agree, is an error and not a hang.
func TestDisagreement(t *testing.T) {
	ranks(t, 2, func(r *rank) {
		for root := range 2 {
			s := r.next()
			s.Bcast(r.buffer(3+r.me), root)
			err := r.run(s)
			switch {
			case r.me == root && err != nil:
				r.Errorf("the root: %v", err)
			case r.me != root && root == 0 && !errors.Is(err, ErrShort):
				r.Errorf("4 elements wanted, 3 sent: %v", err)
			case r.me != root && root == 1 && !errors.Is(err, ErrLong):
				r.Errorf("3 elements wanted, 4 sent: %v", err)
			}
		}
		s := r.next()
		s.Allgather(r.buffer(2), blocksOf(r.buffer(6), 3))
		if err := s.Err(); !errors.Is(err, ErrShort) {
			r.Errorf("a send of 2 elements for blocks of 3: %v", err)
		}
		s.Free()
	})
}

func TestLimit(t *testing.T) {
	ranks(t, 1, func(r *rank) {
		r.Limit = 1 << 20
		s := r.next()
		if b := s.temp(1 << 19); len(b) != 1<<19 {
			r.Errorf("%d bytes", len(b))
		}
		if b := s.temp(1<<19 + 1); b != nil || !errors.Is(s.Err(), ErrMemory) {
			r.Errorf("%d bytes over the limit: %v", len(b), s.Err())
		}
		s.Free()
		s = r.next()
		if b := s.temp(1 << 20); len(b) != 1<<20 {
			r.Errorf("%d bytes, once the others are given back", len(b))
		}
		s.Free()
		if r.used != 0 {
			r.Errorf("%d bytes are in use", r.used)
		}
	})
}

// failing is an operation that ends its rank.
type failing struct{ matrices }

var errTrap = errors.New("trap")

func (failing) Combine(in, inout datatype.Buffer) error { return errTrap }

func TestUserFails(t *testing.T) {
	ranks(t, 2, func(r *rank) {
		s := r.next()
		s.Allreduce(matrixBuffer(1), matrixBuffer(1), Op{Type: matrix, User: &failing{}})
		if err := r.run(s); err != errTrap {
			r.Errorf("%v", err)
		}
	})
}

// MPI 5.0, 6.2.3: on an intercommunicator the data of one group goes to the other.
func TestIntercommunicator(t *testing.T) {
	for _, groups := range [][2]int{{1, 1}, {1, 3}, {2, 2}, {4, 3}, {3, 9}} {
		for _, count := range []int{0, 2, 5000} {
			between(t, groups[0], groups[1], func(r *rank) { r.across(count) })
		}
	}
}

// across runs every operation between the two groups. Ranks of the second have 100 more in their
// patterns.
func (r *rank) across(count int) {
	second := r.team.Members[0] != 0
	mine, theirs := r.me, 100
	if second {
		mine, theirs = r.me+100, 0
	}
	remote := len(r.team.Remote)
	all := func(offset int) (b []byte) {
		for i := range remote {
			b = append(b, pattern(count, theirs+i, offset)...)
		}
		return b
	}
	s := r.next()
	s.Barrier()
	r.must(s)

	s = r.next()
	in := r.buffer(remote * count)
	s.Allgather(r.filled(count, mine, 0), blocksOf(in, count))
	r.must(s)
	r.holds("allgather", in, all(0))

	s = r.next()
	in = r.buffer(remote * count)
	out := r.buffer(remote * count)
	for j := range remote {
		b := blocksOf(out, count)
		b.at(j).Unpack(pattern(count, mine, j), 0)
	}
	s.Alltoall(blocksOf(out, count), blocksOf(in, count))
	r.must(s)
	r.holds("alltoall", in, all(r.me))

	r.acrossRooted(count, second, mine, all)
	r.acrossReduced(count, second)
}

func (r *rank) acrossRooted(count int, second bool, mine int, all func(int) []byte) {
	// The root is the last rank of the first group.
	n := r.n
	if second {
		n = len(r.team.Remote)
	}
	root := n - 1
	at := root
	switch {
	case !second && r.me == root:
		at = abi.Root
	case !second:
		at = abi.ProcNull
	}
	b := r.buffer(count)
	if at == abi.Root {
		b = r.filled(count, root, 0)
	}
	s := r.next()
	s.Bcast(b, at)
	r.must(s)
	if second {
		r.holds("bcast", b, pattern(count, root, 0))
	}

	s = r.next()
	in := r.buffer(len(r.team.Remote) * count)
	s.Gather(r.filled(count, mine, 0), blocksOf(in, count), at)
	r.must(s)
	if at == abi.Root {
		r.holds("gather", in, all(0))
	}

	s = r.next()
	out := r.buffer(len(r.team.Remote) * count)
	out.Unpack(concat(len(r.team.Remote), count, 5), 0)
	in = r.buffer(count)
	s.Scatter(blocksOf(out, count), in, at)
	r.must(s)
	if second {
		r.holds("scatter", in, pattern(count, r.me, 5))
	}

	s = r.next()
	sum := matrixBuffer(count)
	mat := matrixBuffer(count)
	mat.Unpack(product(count, r.me, r.me+1), 0)
	s.Reduce(mat, sum, Op{Type: matrix, User: &matrices{}}, at)
	r.must(s)
	if at == abi.Root {
		r.holds("reduce", sum, product(count, 0, len(r.team.Remote)))
	}
}

func (r *rank) acrossReduced(count int, second bool) {
	remote := len(r.team.Remote)
	operand := func(n int) datatype.Buffer {
		b := matrixBuffer(n)
		b.Unpack(product(n, r.me, r.me+1), 0)
		return b
	}
	s, out := r.next(), matrixBuffer(count)
	s.Allreduce(operand(count), out, Op{Type: matrix, User: &matrices{}})
	r.must(s)
	r.holds("allreduce", out, product(count, 0, remote))

	total := 3 * r.n * remote // the same in both groups
	each := total / r.n
	s, out = r.next(), matrixBuffer(each)
	s.ReduceScatter(operand(total), out, func(int) int64 { return int64(each) }, Op{Type: matrix, User: &matrices{}})
	r.must(s)
	r.holds("reduce_scatter", out, product(total, 0, remote)[16*each*r.me:16*each*(r.me+1)])
}

func TestManyRanks(t *testing.T) {
	const n = 200
	ranks(t, n, func(r *rank) {
		s := r.next()
		s.Barrier()
		r.must(s)
		r.reduceAll([]float64{expression(n, 0), expression(n, 1), expression(n, 2)})
		s = r.next()
		in, out := r.buffer(n), r.filled(n, r.me, 0)
		s.Alltoall(blocksOf(out, 1), blocksOf(in, 1))
		r.must(s)
		r.holds("alltoall", in, concat(n, 1, r.me))
	})
}
