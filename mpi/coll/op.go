package coll

import (
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Op is a reduction operation on elements of a type.
type Op struct {
	Type       *datatype.Type
	Predefined datatype.Op // unless there is User
	User       User
}

// User is an operation of the user's (MPI 5.0, 6.9.5).
type User interface {
	// Combine computes inout = in op inout. It is called on the rank's own goroutine. An error ends
	// the rank.
	Combine(in, inout datatype.Buffer) error
	// Alloc gives room for n elements, while the schedule is made. Close takes all of it back: the
	// schedule is freed.
	Alloc(n int64) (datatype.Buffer, error)
	Close()
}

func (op *Op) combine(in, inout datatype.Buffer, stop func() bool) error {
	if op.User != nil {
		return op.User.Combine(in, inout)
	}
	a, ok := in.Bytes()
	b, ok2 := inout.Bytes()
	if !ok || !ok2 {
		panic(fmt.Sprintf("coll: operands of a predefined operation are not packed: %d elements", in.Count))
	}
	op.Predefined.ReduceUntil(op.Type, a, b, stop)
	return nil
}

// vector is elements to be reduced, from element base on.
type vector struct {
	datatype.Buffer
	base   int64
	stride int64 // bytes from one element to the next
	per    int64 // of Buffer's elements in one of the operation's
}

// typed is a vector of elements where they lie.
func typed(b datatype.Buffer) vector {
	_, extent := b.Type.Extent()
	return vector{Buffer: b, stride: extent, per: 1}
}

// part is elements lo to hi.
func (v vector) part(lo, hi int64) datatype.Buffer {
	b := v.Buffer
	b.Addr += (lo - v.base) * v.stride
	b.Count = (hi - lo) * v.per
	return b
}

// reduction is the state of a reduction while its schedule is made: where the value is that this
// rank has so far.
type reduction struct {
	*Schedule
	lo, hi int64 // the elements it is of
	value  vector
	fixed  bool     // value must not be written: it is the send buffer
	spare  []vector // room for all elements, not in use
}

// begin begins a reduction of send. recv is the buffer for the result, if this rank gets one. A
// send without a type is MPI_IN_PLACE: recv has the operand.
func (s *Schedule) begin(send, recv datatype.Buffer, op Op) *reduction {
	s.op = op
	r := &s.reduction
	*r = reduction{Schedule: s, fixed: true, spare: r.spare[:0]}
	inPlace := send.Type == nil
	if inPlace {
		send = recv
	}
	r.hi = send.Count
	direct := op.User != nil || op.Type.Contiguous()
	switch {
	case !direct:
		r.value, r.fixed = r.alloc(), false
		r.copy(r.value.part(r.lo, r.hi), send)
	case inPlace:
		r.value, r.fixed = typed(recv), false
	default:
		r.value = typed(send)
		if recv.Type != nil {
			r.spare = append(r.spare, typed(recv))
		}
	}
	return r
}

// alloc is new room for the reduction's elements.
func (r *reduction) alloc() vector {
	n := r.hi - r.lo
	if r.op.User == nil {
		unit := r.op.Type.Size()
		return vector{Buffer: r.packed(n * unit), base: r.lo, stride: unit, per: unit}
	}
	if n == 0 {
		return r.value
	}
	b, err := r.op.User.Alloc(n)
	if err != nil {
		r.fail(err)
		return vector{Buffer: datatype.Buffer{Type: r.op.Type}}
	}
	v := typed(b)
	v.base = r.lo
	return v
}

// room is room for the elements, a spare or a new one. Ranges only become smaller, so a spare is
// large enough.
func (r *reduction) room() vector {
	if n := len(r.spare); n > 0 {
		v := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return v
	}
	return r.alloc()
}

// mine is the value so far.
func (r *reduction) mine() datatype.Buffer { return r.value.part(r.lo, r.hi) }

// merge joins the value with that in v, which is of lower or of higher ranks. v is the reduction's
// from now on. Operands are in the order of ranks (MPI 5.0, 6.9.1).
func (r *reduction) merge(v vector, lower bool) {
	if !lower {
		r.reduce(r.mine(), v.part(r.lo, r.hi))
		if !r.fixed {
			r.spare = append(r.spare, r.value)
		}
		r.value, r.fixed = v, false
		return
	}
	r.own()
	r.reduce(v.part(r.lo, r.hi), r.mine())
	r.spare = append(r.spare, v)
}

// own makes sure that the value may be written.
func (r *reduction) own() {
	if r.fixed {
		w := r.room()
		r.copy(w.part(r.lo, r.hi), r.mine())
		r.value, r.fixed = w, false
	}
}

// take receives the value of lower or higher ranks from a peer and joins it.
func (r *reduction) take(peer int, lower bool) {
	v := r.room()
	r.recv(peer, v.part(r.lo, r.hi))
	r.fence()
	r.merge(v, lower)
}

// swap exchanges the value with a peer, and joins both, which gives the same on both.
func (r *reduction) swap(peer int) {
	v := r.room()
	r.send(peer, r.mine())
	r.recv(peer, v.part(r.lo, r.hi))
	r.fence()
	r.merge(v, peer < r.team.Rank)
}

// deliver copies the value to where the result belongs, if it is not there.
func (r *reduction) deliver(recv datatype.Buffer) {
	to := typed(recv).part(r.lo, r.hi)
	if from := r.mine(); !same(from, to) {
		r.copy(to, from)
	}
}

// same reports whether two buffers are one place.
func same(a, b datatype.Buffer) bool {
	return a.Addr == b.Addr && len(a.Mem) > 0 && len(b.Mem) > 0 && &a.Mem[0] == &b.Mem[0] && a.Type == b.Type
}
