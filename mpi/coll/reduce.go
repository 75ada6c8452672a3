package coll

import (
	"math/bits"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Reduce adds a reduction to one rank (MPI 5.0, 6.9.1). recv counts at the root alone; a send
// without a type, there, is MPI_IN_PLACE.
func (s *Schedule) Reduce(send, recv datatype.Buffer, op Op, root int) {
	if s.remote() {
		s.interReduce(send, recv, op, root)
		return
	}
	if s.team.Rank != root {
		recv = datatype.Buffer{}
	}
	r := s.begin(send, recv, op)
	p := pairUp(len(s.team.Members), root)
	if r.hi == 0 || !p.join(r) {
		return
	}
	if p.long(r) {
		bounds := p.even(r.hi)
		p.halve(r, bounds)
		p.collect(r, recv, bounds)
		return
	}
	if p.reduceTree(r) {
		r.deliver(recv)
	}
}

// long reports whether the vector is worth being halved.
func (p pairs) long(r *reduction) bool {
	return p.leaves > 1 && r.hi >= int64(p.leaves) && r.hi*r.op.Type.Size() >= halvingBytes
}

// reduceTree reduces by a tree of the leaves to the root. It reports whether this rank has the
// result.
func (p pairs) reduceTree(r *reduction) bool {
	leaf, root := p.leaf(r.team.Rank), p.leaf(p.root)
	at := tree(p.leaves, root, leaf)
	for _, c := range at.children {
		r.take(p.leader(c.rank), c.rank < leaf)
	}
	if at.parent >= 0 {
		r.send(p.leader(at.parent), r.mine())
		return false
	}
	return true
}

// Allreduce adds a reduction to all ranks (MPI 5.0, 6.9.6).
func (s *Schedule) Allreduce(send, recv datatype.Buffer, op Op) {
	if s.remote() {
		s.interAllreduce(send, recv, op)
		return
	}
	me := s.team.Rank
	r := s.begin(send, recv, op)
	if r.hi == 0 {
		return
	}
	p := pairUp(len(s.team.Members), -1)
	if !p.join(r) {
		s.recv(me^1, recv)
		return
	}
	if p.long(r) {
		bounds := p.even(r.hi)
		p.halve(r, bounds)
		r.deliver(recv)
		p.double(r, typed(recv), bounds)
	} else {
		leaf := p.leaf(me)
		for width := 1; width < p.leaves; width *= 2 {
			r.swap(p.leader(leaf ^ width))
		}
		r.deliver(recv)
	}
	if me < 2*p.paired {
		s.send(me^1, recv)
	}
}

// even cuts n elements in as many pieces as there are leaves: piece i is from bounds(i) to
// bounds(i+1).
func (p pairs) even(n int64) func(i int) int64 {
	return func(i int) int64 { return n/int64(p.leaves)*int64(i) + min(n%int64(p.leaves), int64(i)) }
}

// halve reduces and scatters: in round k leaves that differ in bit k exchange halves of what they
// still have in common. Leaf i ends with the piece whose number is i with its bits reversed.
func (p pairs) halve(r *reduction, bounds func(i int) int64) {
	leaf := p.leaf(r.team.Rank)
	a, b := 0, p.leaves
	for width := 1; width < p.leaves; width *= 2 {
		peer := p.leader(leaf ^ width)
		mid := (a + b) / 2
		theirs := r.value.part(bounds(mid), bounds(b))
		if leaf&width == 0 {
			b = mid
		} else {
			theirs = r.value.part(bounds(a), bounds(mid))
			a = mid
		}
		r.lo, r.hi = bounds(a), bounds(b)
		v := r.room()
		r.send(peer, theirs)
		r.recv(peer, v.part(r.lo, r.hi))
		r.fence()
		r.merge(v, peer < r.team.Rank)
	}
}

// double is halve backwards: leaves exchange the pieces of the result, which each has in place in
// v.
func (p pairs) double(r *reduction, v vector, bounds func(i int) int64) {
	leaf := p.leaf(r.team.Rank)
	a := p.piece(leaf)
	for width, n := p.leaves/2, 1; width > 0; width, n = width/2, n*2 {
		peer := p.leader(leaf ^ width)
		b := a ^ n
		r.send(peer, v.part(bounds(a), bounds(a+n)))
		r.recv(peer, v.part(bounds(b), bounds(b+n)))
		r.fence()
		a &= b
	}
}

// piece is the piece that a leaf has after halve.
func (p pairs) piece(leaf int) int {
	width := bits.Len(uint(p.leaves)) - 1
	return int(bits.Reverse64(uint64(leaf)) >> (64 - width))
}

// collect gathers the pieces of the result at the root: of two leaves that have halves, the one
// nearer to the root takes both.
func (p pairs) collect(r *reduction, recv datatype.Buffer, bounds func(i int) int64) {
	leaf, root := p.leaf(r.team.Rank), p.leaf(p.root)
	a := p.piece(leaf)
	// The last exchange that this leaf receives in decides how much it will have.
	first, n, width := a, 1, p.leaves/2
	for ; width > 0 && (leaf^root)&width == 0; width /= 2 {
		first &= first ^ n
		n *= 2
	}
	mine := r.mine()
	var v vector
	switch {
	case leaf == root:
		r.deliver(recv)
		v = typed(recv)
	case n > 1:
		r.lo, r.hi = bounds(first), bounds(first+n)
		v = r.alloc()
		r.copy(v.part(bounds(a), bounds(a+1)), mine)
	default:
		v = r.value
	}
	n = 1
	for w := p.leaves / 2; w > width; w /= 2 {
		b := a ^ n
		r.recv(p.leader(leaf^w), v.part(bounds(b), bounds(b+n)))
		a, n = a&b, n*2
	}
	r.fence()
	if leaf != root {
		r.send(p.leader(leaf^width), v.part(bounds(a), bounds(a+n)))
	}
}
