package match

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// A message between two ranks of a node, on a communicator, allocates nothing once there is room.
func TestMessageAllocatesNothing(t *testing.T) {
	w := New(t.Context(), Config{Size: 2, Local: []int{0, 1}})
	defer w.Close()
	a, b := w.Endpoint(0), w.Endpoint(1)
	there, here := to(0, 1, 1), from(0, 1)
	there.Scope, here.Scope = a.Open(4, []int32{0, 1}), b.Open(4, []int32{0, 1})
	out, in := datatype.Of(make([]byte, 8)), datatype.Of(make([]byte, 8))
	var s, r Request
	if n := testing.AllocsPerRun(1000, func() {
		a.Send(&s, there, out, Standard)
		b.Recv(&r, here, in)
		_ = a.WaitFor(&s)
		_ = b.WaitFor(&r)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
