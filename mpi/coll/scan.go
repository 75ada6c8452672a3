package coll

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// Scan adds an inclusive scan (MPI 5.0, 6.11.1): in round k a rank takes the value of the rank 2^k
// before it, so that it has that of twice as many. A send without a type is MPI_IN_PLACE.
func (s *Schedule) Scan(send, recv datatype.Buffer, op Op) {
	r := s.begin(send, recv, op)
	if r.hi == 0 {
		return
	}
	r.prefix(0)
	r.deliver(recv)
}

// prefix scans the values of the ranks from first on.
func (r *reduction) prefix(first int) {
	n, me := len(r.team.Members), r.team.Rank
	for d := 1; d < n-first; d *= 2 {
		if me+d < n {
			r.send(me+d, r.mine())
		}
		if me-d >= first {
			r.own()
			v := r.room()
			r.recv(me-d, v.part(r.lo, r.hi))
			r.fence()
			r.merge(v, true)
		}
		r.fence()
	}
}

// Exscan adds an exclusive scan (MPI 5.0, 6.11.2): each rank hands its operand to the next, and
// those but the first scan what they got.
func (s *Schedule) Exscan(send, recv datatype.Buffer, op Op) {
	r := s.begin(send, recv, op)
	n, me := len(s.team.Members), s.team.Rank
	if r.hi == 0 {
		return
	}
	if me+1 < n {
		r.send(me+1, r.mine())
	}
	if me == 0 {
		return
	}
	v := r.room()
	r.recv(me-1, v.part(r.lo, r.hi))
	r.fence()
	if !r.fixed {
		r.spare = append(r.spare, r.value)
	}
	r.value, r.fixed = v, false
	r.prefix(1)
	r.deliver(recv)
}

// ReduceScatter adds a reduction whose result is scattered: counts[i] elements to rank i (MPI 5.0,
// 6.10). A send without a type is MPI_IN_PLACE: recv has the whole operand.
func (s *Schedule) ReduceScatter(send, recv datatype.Buffer, counts func(rank int) int64, op Op) {
	if s.remote() {
		s.interReduceScatter(send, recv, counts, op)
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	var r *reduction
	inPlace := send.Type == nil
	if inPlace {
		r = s.begin(send, recv, op)
	} else {
		r = s.begin(send, datatype.Buffer{}, op)
	}
	recv.Count = counts(me)
	if r.hi == 0 {
		return
	}
	p := pairUp(n, -1)
	bounds := p.scatter(r, counts, inPlace)
	if !p.join(r) {
		s.recvSome(me-1, recv)
		return
	}
	p.halve(r, bounds)
	mid := r.lo + counts(me)
	if me < 2*p.paired {
		s.sendSome(me+1, r.value.part(mid, r.hi))
	}
	s.copy(recv, r.value.part(r.lo, mid))
}

// scatter puts the blocks of the leaves in bit-reversed order, so that each leaf has its own block
// after halve. It returns the bounds for halve.
func (p pairs) scatter(r *reduction, counts func(rank int) int64, inPlace bool) func(i int) int64 {
	from := make([]int64, p.leaves+1) // of each leaf's block
	for rank := range r.team.Members {
		from[p.leaf(rank)+1] += counts(rank)
	}
	for i := range p.leaves {
		from[i+1] += from[i]
	}
	to := make([]int64, p.leaves+1)
	for i := range p.leaves {
		leaf := p.piece(i)
		to[i+1] = to[i] + from[leaf+1] - from[leaf]
	}
	bounds := func(i int) int64 { return to[i] }
	if p.leaves < 4 && !inPlace {
		return bounds
	}
	v := r.alloc()
	for i := range p.leaves {
		leaf := p.piece(i)
		r.copy(v.part(to[i], to[i+1]), r.value.part(from[leaf], from[leaf+1]))
	}
	r.value, r.fixed = v, false
	return bounds
}
