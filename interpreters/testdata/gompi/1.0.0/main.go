// Gompi tests every function of package mpi on any number of ranks. Rank 0 prints "ok".
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/mpi"
)

var rank, size, next, previous int

func main() {
	must(mpi.Init())
	rank, size = mpi.World.Rank(), mpi.World.Size()
	next, previous = (rank+1)%size, (rank+size-1)%size
	numbers()
	messages()
	requests()
	collectives()
	communicators()
	failures()
	must(mpi.World.Barrier())
	if rank == 0 {
		fmt.Println("ok")
	}
	must(mpi.Finalize())
}

func must(err error) {
	if err != nil {
		is(err, nil)
	}
}

// is ends the job if something is not as it should be.
func is(got, want any) {
	if !reflect.DeepEqual(got, want) {
		_, _, line, _ := runtime.Caller(1)
		fmt.Fprintf(os.Stderr, "rank %d: line %d: got %v, want %v\n", rank, line, got, want)
		mpi.Abort(1)
	}
}

type celsius float64

func number[T mpi.Number](values ...T) {
	in := make([]T, len(values))
	s, err := mpi.Sendrecv(mpi.World, values, next, 1, in, previous, 1)
	must(err)
	is(in, values)
	is(mpi.Count[T](s), len(values))
	sum := make([]T, len(values))
	must(mpi.Allreduce(mpi.World, values, sum, mpi.Max))
	is(sum, values)
}

func numbers() {
	number[int8](-128, 127)
	number[int16](-32768, 32767)
	number[int32](-1<<31, 1<<31-1)
	number[int64](-1<<63, 1<<63-1)
	number(-1<<63, 1<<63-1)
	number[uint8](0, 255)
	number[uint16](0, 65535)
	number[uint32](0, 1<<32-1)
	number[uint64](0, 1<<64-1)
	number[uint](0, 1<<64-1)
	number[float32](-1.5, 3e38)
	number(-1.5, 1e308)
	number[celsius](-273.15, 36.6)
}

func messages() {
	if size == 1 {
		return
	}
	// The next part sends too, and a rank that still probes for any message could receive that.
	defer func() { must(mpi.World.Barrier()) }()
	if rank == 0 {
		for r := 1; r < size; r++ {
			must(mpi.Send(mpi.World, make([]int32, r), r, 5))
		}
		return
	}
	s, err := mpi.Probe(mpi.World, mpi.AnySource, mpi.AnyTag)
	must(err)
	is([]int{s.Source, s.Tag, mpi.Count[int32](s)}, []int{0, 5, rank})
	_, ok, err := mpi.Iprobe(mpi.World, 0, 5)
	must(err)
	is(ok, true)
	s, err = mpi.Recv(mpi.World, make([]int32, rank+3), 0, 5)
	must(err)
	is(mpi.Count[int32](s), rank)
	_, ok, err = mpi.Iprobe(mpi.World, 0, 99)
	must(err)
	is(ok, false)
	s, err = mpi.Recv(mpi.World, []int{1}, mpi.NoRank, 0)
	must(err)
	is(s.Source, mpi.NoRank)
}

// requests keeps requests pending while the garbage collector runs.
func requests() {
	const n = 50
	var all []*mpi.Request
	in := make([][]float64, n)
	for i := range in {
		in[i] = make([]float64, 1000)
		r, err := mpi.Irecv(mpi.World, in[i], previous, i)
		must(err)
		all = append(all, r)
	}
	for i := range n {
		out := make([]float64, 1000)
		out[0], out[999] = float64(rank), float64(i)
		r, err := mpi.Isend(mpi.World, out, next, i)
		must(err)
		all = append(all, r)
		runtime.GC()
	}
	_, done, err := all[0].Test()
	must(err)
	must(mpi.WaitAll(all...))
	for i := range in {
		is([]float64{in[i][0], in[i][999]}, []float64{float64(previous), float64(i)})
	}
	s, done, err := all[0].Test()
	must(err)
	is(done, true)
	is(mpi.Count[float64](s), 1000)
	is(mpi.World.Barrier(), nil)
}

func collectives() {
	data := []int{0, 0}
	if rank == size-1 {
		data = []int{7, 8}
	}
	must(mpi.Bcast(mpi.World, data, size-1))
	is(data, []int{7, 8})
	sum := make([]int, 1)
	must(mpi.Reduce(mpi.World, []int{rank}, sum, mpi.Sum, 0))
	if rank == 0 {
		is(sum[0], size*(size-1)/2)
	}
	must(mpi.Scan(mpi.World, []int{1}, sum, mpi.Sum))
	is(sum[0], rank+1)
	sum[0] = -1
	must(mpi.Exscan(mpi.World, []int{1}, sum, mpi.Sum))
	if rank > 0 {
		is(sum[0], rank)
	}
	all, want := make([]int, size), make([]int, size)
	for r := range want {
		want[r] = 10 * r
	}
	must(mpi.Allgather(mpi.World, []int{10 * rank}, all))
	is(all, want)
	clear(all)
	must(mpi.Gather(mpi.World, []int{10 * rank}, all, 0))
	if rank == 0 {
		is(all, want)
	}
	one := make([]int, 1)
	must(mpi.Scatter(mpi.World, all, one, 0))
	is(one[0], 10*rank)
	for r := range all {
		all[r], want[r] = 100*rank+r, 100*r+rank
	}
	got := make([]int, size)
	must(mpi.Alltoall(mpi.World, all, got))
	is(got, want)

	// Rank r has r elements.
	counts, total := make([]int, size), 0
	for r := range counts {
		counts[r], total = r, total+r
	}
	mine, every, expect := make([]int32, rank), make([]int32, total), []int32{}
	for i := range mine {
		mine[i] = int32(rank)
	}
	for r := range size {
		for range r {
			expect = append(expect, int32(r))
		}
	}
	must(mpi.Allgatherv(mpi.World, mine, every, counts))
	is(append([]int32{}, every...), expect)
	clear(every)
	must(mpi.Gatherv(mpi.World, mine, every, counts, size-1))
	if rank == size-1 {
		is(append([]int32{}, every...), expect)
	}
	same := make([]int, size) // from each as many as this rank's number
	for r := range same {
		same[r] = rank
	}
	came := make([]int32, rank*size)
	must(mpi.Alltoallv(mpi.World, expect, counts, came, same))
	for _, v := range came {
		is(v, int32(rank))
	}
}

func communicators() {
	half, err := mpi.World.Split(rank%2, -rank)
	must(err)
	is(half.Size(), (size+1-rank%2)/2)
	is(half.Rank(), (size-1-rank)/2)
	must(half.Free())
	none, err := mpi.World.Split(mpi.Undefined, 0)
	must(err)
	is(none, mpi.NoComm)
	is(none.Size(), 0)
	dup, err := mpi.World.Dup()
	must(err)
	must(dup.Barrier())
	must(dup.Free())
	dims := []int{0, 0}
	must(mpi.Dims(size, dims))
	is(dims[0]*dims[1], size)
	grid, err := mpi.World.Grid(dims, []bool{true, false})
	must(err)
	at, err := grid.Coords(rank, 2)
	must(err)
	is(at, []int{rank / dims[1], rank % dims[1]})
	before, after, err := grid.Shift(1, 1)
	must(err)
	is(before == mpi.NoRank, at[1] == 0)
	is(after == mpi.NoRank, at[1] == dims[1]-1)
	must(grid.Free())
	is(mpi.Self.Size(), 1)
	is(mpi.Processor() != "", true)
	is(mpi.Time() >= 0, true)
}

func failures() {
	class := func(err error) int {
		var e *mpi.Error
		if errors.As(err, &e) && e.Text != "" {
			return e.Class
		}
		return -1
	}
	is(class(mpi.Send(mpi.World, []int{1}, size, 0)), mpi.ErrRank)
	is(class(mpi.Send(mpi.World, []int{1}, 0, -7)), mpi.ErrTag)
	is(class(mpi.Send(mpi.NoComm, []int{1}, 0, 0)), mpi.ErrComm)
	is(class(mpi.Allgather(mpi.World, []int{1}, make([]int, size+1))), mpi.ErrArg)
	is(class(mpi.Allreduce(mpi.World, []int{1}, nil, mpi.Sum)), mpi.ErrArg)
	is(class(mpi.Allgatherv(mpi.World, []int{}, nil, []int{-1})), mpi.ErrArg)
	r, err := mpi.Isend(mpi.World, []int{1, 2}, next, 3)
	must(err)
	_, err = mpi.Recv(mpi.World, make([]int, 1), previous, 3)
	is(class(err), mpi.ErrTruncate)
	_, err = r.Wait()
	must(err)
}
