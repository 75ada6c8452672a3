package coll

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// Allgather adds a gather to all of blocks of one size (MPI 5.0, 6.7). A send without a type is
// MPI_IN_PLACE.
func (s *Schedule) Allgather(send datatype.Buffer, recv Blocks) {
	if s.remote() {
		s.interAllgather(send, recv)
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	if send.Type != nil {
		s.copy(recv.at(me), send)
	}
	if recv.One.Size() == 0 {
		return
	}
	if recv.One.Size()*int64(n) <= doublingAll {
		s.doubling(recv.run)
		return
	}
	s.ring(recv)
}

// Allgatherv adds a gather to all of blocks of any sizes.
func (s *Schedule) Allgatherv(send datatype.Buffer, recv Blocks) {
	if s.remote() {
		s.interAllgather(send, recv)
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	if send.Type != nil {
		s.copy(recv.at(me), send)
	}
	total := int64(0)
	for i := range n {
		if total += recv.at(i).Size(); total > doublingAll {
			s.ring(recv)
			return
		}
	}
	if n <= 3 || total == 0 {
		s.ring(recv)
		return
	}
	s.packShort(recv, total)
}

// packShort packs short blocks of different sizes one after the other, gathers those, and unpacks
// them.
func (s *Schedule) packShort(recv Blocks, total int64) {
	n, me := len(s.team.Members), s.team.Rank
	all := s.temp(total)
	if all == nil {
		return
	}
	ends := make([]int64, n+1)
	for i := range n {
		ends[i+1] = ends[i] + recv.at(i).Size()
	}
	part := func(lo, hi int) datatype.Buffer { return datatype.Of(all[ends[lo]:ends[hi]]) }
	s.copy(part(me, me+1), recv.at(me))
	s.doubling(part)
	for i := range n {
		if i != me {
			s.copy(recv.at(i), part(i, i+1))
		}
	}
}

// doubling gathers in rounds, each of which doubles what a rank has: neighbouring blocks of ranks
// exchange what they have if the number of ranks is a power of two; else (Bruck's algorithm) each
// rank has the blocks from its own on, around the ring of all.
func (s *Schedule) doubling(part func(lo, hi int) datatype.Buffer) {
	n, me := len(s.team.Members), s.team.Rank
	if n&(n-1) == 0 {
		for width := 1; width < n; width *= 2 {
			peer := me ^ width
			lo, other := me&^(width-1), peer&^(width-1)
			s.send(peer, part(lo, lo+width))
			s.recv(peer, part(other, other+width))
			s.fence()
		}
		return
	}
	for width := 1; width < n; width *= 2 {
		count := min(width, n-width)
		to, from := (me-width+n)%n, (me+width)%n
		around(n, me, count, func(lo, hi int) { s.send(to, part(lo, hi)) })
		around(n, from, count, func(lo, hi int) { s.recv(from, part(lo, hi)) })
		s.fence()
	}
}

// around calls do for the one or two ranges that are count ranks of n from first on, around the
// ring.
func around(n, first, count int, do func(lo, hi int)) {
	if end := first + count; end > n {
		do(first, n)
		do(0, end-n)
		return
	}
	do(first, first+count)
}

// ring hands the blocks on to the next rank, one in each round.
func (s *Schedule) ring(recv Blocks) {
	n, me := len(s.team.Members), s.team.Rank
	for i := range n - 1 {
		s.sendSome((me+1)%n, recv.at((me-i+n)%n))
		s.recvSome((me-1+n)%n, recv.at((me-i-1+n)%n))
		s.fence()
	}
}

// sendSome and recvSome are for messages whose size both ends know: an empty one is not sent.
func (s *Schedule) sendSome(peer int, b datatype.Buffer) {
	if b.Size() > 0 {
		s.send(peer, b)
	}
}

func (s *Schedule) recvSome(peer int, b datatype.Buffer) {
	if b.Size() > 0 {
		s.recv(peer, b)
	}
}
