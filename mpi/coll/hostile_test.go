package coll

import (
	"errors"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Persistent reductions of 33 MB each, as many as there is room for: what is charged is what they
// really take, so that the limit is one of memory.
func TestHostileTemporaries(t *testing.T) {
	ranks(t, 1, func(r *rank) {
		r.Limit = 128 << 20
		mem := make([]byte, 64<<20)
		pair := datatype.Named(abi.DoubleInt) // has gaps, so it is packed
		_, extent := pair.Extent()
		var list []*Schedule
		held := int64(0)
		for {
			s := r.New(r.team, uint32(len(list)), true)
			b := datatype.Buffer{Mem: mem, Count: 33_000_000 / extent, Type: pair}
			s.Allreduce(b, b, Op{Type: pair, Predefined: abi.Maxloc})
			if err := s.Err(); err != nil {
				if !errors.Is(err, ErrMemory) {
					t.Error(err)
				}
				s.Free()
				break
			}
			for _, b := range s.temps {
				held += int64(len(*b))
			}
			list = append(list, s)
		}
		if held < 33_000_000 || held > r.used || r.used > r.Limit {
			t.Errorf("%d schedules have temporaries of %d bytes, %d are charged", len(list), held, r.used)
		}
		for _, s := range list {
			s.Free()
		}
		if r.used != 0 {
			t.Errorf("%d bytes are charged for nothing", r.used)
		}
	})
}

// A list of blocks, one for each of many neighbours, is charged before it is made.
func TestHostileBlocks(t *testing.T) {
	ranks(t, 1, func(r *rank) {
		r.Limit = 1 << 20
		s := r.next()
		if list := s.Buffers(1 << 30); list != nil || !errors.Is(s.Err(), ErrMemory) {
			t.Errorf("a list of %d, %v", len(list), s.Err())
		}
		s.Free()
		s = r.next()
		if list := s.Buffers(100); len(list) != 100 || r.used != 100*bufferSize {
			t.Errorf("a list of %d, %d bytes are charged", len(list), r.used)
		}
		s.Free()
	})
}

// When the job is over, a schedule stops where it is: it moves nothing more, and its rank is told.
func TestHostileScheduleStops(t *testing.T) {
	over := errors.New("over")
	ranks(t, 1, func(r *rank) {
		const n = 1 << 20
		from, to := datatype.Of(make([]byte, n)), datatype.Of(make([]byte, n))
		for i := range from.Mem {
			from.Mem[i] = 1
		}
		s := r.next()
		for range 100 {
			s.copy(to, from)
		}
		r.world.Abort(over)
		if err := s.Run(); !errors.Is(err, over) || s.Done() {
			t.Errorf("%v, done: %v", err, s.Done())
		}
		if to.Mem[0] != 0 {
			t.Error("it went on")
		}
	})
}

// aborting is a reduction during which the job is over.
type aborting struct {
	matrices
	over func()
}

func (a *aborting) Combine(in, inout datatype.Buffer) error {
	a.over()
	return nil
}

// A schedule that goes on once messages are there stops as well: its rank does not try for ever.
func TestHostileScheduleStopsLater(t *testing.T) {
	over := errors.New("over")
	ranks(t, 2, func(r *rank) {
		s := r.next()
		s.Allreduce(matrixBuffer(1), matrixBuffer(1), Op{Type: matrix, User: &aborting{over: func() { r.world.Abort(over) }}})
		if err := s.Run(); !errors.Is(err, over) || s.Done() {
			t.Errorf("%v, done: %v", err, s.Done())
		}
	})
}
