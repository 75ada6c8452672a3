package coll

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// rank is one rank of a test: a goroutine with an engine.
type rank struct {
	*testing.T
	*Engine
	me, n  int
	team   Team
	number uint32
	world  *match.World
}

// ranks runs f as n ranks of one communicator.
func ranks(t *testing.T, n int, f func(r *rank)) {
	t.Helper()
	between(t, n, 0, f)
}

// between runs f as the ranks of an intercommunicator between a first group and a second one; an
// intracommunicator if that has none.
func between(t *testing.T, first, second int, f func(r *rank)) {
	t.Helper()
	n := first + second
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := make([]int, n)
	groups := [2][]int32{}
	for i := range all {
		all[i] = i
		if i < first {
			groups[0] = append(groups[0], int32(i))
		} else {
			groups[1] = append(groups[1], int32(i))
		}
	}
	w := match.New(ctx, match.Config{Size: n, Local: all, Cores: -1})
	stop := context.AfterFunc(ctx, func() { w.Abort(context.Cause(ctx)) })
	defer stop()
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			e := w.Endpoint(i)
			defer e.Close()
			r := &rank{T: t, Engine: NewEngine(e), me: i, n: first, world: w}
			r.team = Team{Context: 7, Rank: i, Members: groups[0]}
			if second > 0 {
				r.team.Remote = groups[1]
				if i >= first {
					r.me, r.n = i-first, second
					r.team = Team{Context: 7, Rank: i - first, Members: groups[1], Remote: groups[0]}
				}
			}
			f(r)
		})
	}
	wg.Wait()
	w.Close()
}

// next is a schedule for the next collective.
func (r *rank) next() *Schedule {
	r.number++
	return r.New(r.team, r.number, false)
}

// run runs a schedule to its end: half of the ranks drive it, on the others it goes by itself.
func (r *rank) run(s *Schedule) error {
	defer s.Free()
	if s.Err() != nil {
		return s.Err()
	}
	if (r.me+int(r.number))%2 == 0 {
		return s.Run()
	}
	s.Start()
	if err := r.end.Wait(s.Done); err != nil {
		return err
	}
	return s.Finish()
}

func (r *rank) must(s *Schedule) {
	r.Helper()
	if err := r.run(s); err != nil {
		r.Errorf("rank %d of %d: %v", r.me, r.n, err)
	}
}

// strided is a type of two bytes with a hole between them, of extent 4.
var strided = func() *datatype.Type {
	v, err := datatype.Maker{}.Vector(2, 1, 2, datatype.Named(abi.Byte))
	if err != nil {
		panic(err)
	}
	t, err := datatype.Maker{}.Resized(v, 0, 4)
	if err != nil {
		panic(err)
	}
	return t
}()

// shapes are the types that data has in tests: each of two bytes, so that those of the ranks may
// differ.
var shapes = []*datatype.Type{datatype.Named(abi.Short), strided}

// buffer is room for count elements, of a shape that depends on the rank.
func (r *rank) buffer(count int) datatype.Buffer {
	t := shapes[(r.me+int(r.number))%len(shapes)]
	_, extent := t.Extent()
	return datatype.Buffer{Mem: make([]byte, max(1, count)*int(extent)), Count: int64(count), Type: t}
}

// filled is a buffer with pattern(from, …).
func (r *rank) filled(count, from, offset int) datatype.Buffer {
	b := r.buffer(count)
	b.Unpack(pattern(count, from, offset), 0)
	return b
}

// pattern is the data that a rank sends: count elements of two bytes, from an offset on.
func pattern(count, from, offset int) []byte {
	b := make([]byte, 2*count)
	for i := range count {
		binary.LittleEndian.PutUint16(b[2*i:], uint16((i+offset)*31+from*7919+1))
	}
	return b
}

// holds checks what is in a buffer.
func (r *rank) holds(what string, b datatype.Buffer, want []byte) {
	r.Helper()
	got := make([]byte, b.Size())
	b.Pack(got, 0)
	if string(got) != string(want) {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		r.Errorf("rank %d of %d: %s: %d bytes, wanted %d; they differ from %d on", r.me, r.n, what, len(got), len(want), i)
	}
}

// doubles is a buffer of numbers.
func doubles(list []float64) datatype.Buffer {
	b := datatype.Buffer{Mem: make([]byte, 8*max(1, len(list))), Count: int64(len(list)), Type: datatype.Named(abi.Double)}
	for i, v := range list {
		binary.LittleEndian.PutUint64(b.Mem[8*i:], math.Float64bits(v))
	}
	return b
}

// roots are the roots to try with n ranks.
func roots(n int) []int {
	if n <= 5 {
		return []int{0, 1, 2, 3, 4}[:n]
	}
	return []int{0, 1, n / 2, n - 1}
}

// sizes are the numbers of ranks to try.
var sizes = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17}
