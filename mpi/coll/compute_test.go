package coll

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// A rank that has started a collective and computes takes part in it all the same, whichever way
// messages come: through a ring, which its own calls look into, or by its mailbox (MPI 5.0, 6.12).
func TestProgressWhileComputing(t *testing.T) {
	const n, rounds = 4, 150 // rings come after some messages
	var waited [rounds]atomic.Int32
	ranks(t, n, func(r *rank) {
		one := datatype.Named(abi.Int32T)
		for i := range rounds {
			in := datatype.Buffer{Mem: []byte{byte(r.me + i), 0, 0, 0}, Count: 1, Type: one}
			out := datatype.Buffer{Mem: make([]byte, 4), Count: 1, Type: one}
			s := r.next()
			s.Allreduce(in, out, Op{Type: one, Predefined: abi.Sum})
			if s.Start(); r.me == i%n { // computes until all others have their results
				for waited[i].Load() < n-1 && r.world.Endpoint(r.me).Err() == nil {
					runtime.Gosched()
				}
			} else if err := r.end.Wait(s.Done); err != nil {
				r.Errorf("round %d, rank %d: %v", i, r.me, err)
				return
			}
			waited[i].Add(1)
			if err := r.end.Wait(s.Done); err != nil {
				r.Errorf("round %d, rank %d: %v", i, r.me, err)
				return
			}
			want := 0
			for from := range n {
				want += int(byte(from + i))
			}
			if !bytes.Equal(out.Mem, []byte{byte(want), byte(want >> 8), 0, 0}) {
				r.Errorf("round %d, rank %d: %v, not %d", i, r.me, out.Mem, want)
				return
			}
			s.Free()
		}
	})
}
