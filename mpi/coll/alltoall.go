package coll

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// Alltoall adds an exchange of blocks of one size between all (MPI 5.0, 6.8).
func (s *Schedule) Alltoall(send, recv Blocks) {
	n := len(s.team.Members)
	if !s.remote() && n > bruckRanks && recv.One.Size() > 0 && recv.One.Size() <= bruckBlock {
		s.bruck(send, recv)
		return
	}
	s.Alltoallw(send, recv)
}

// Alltoallw adds an exchange of any blocks between all. Send without anything is MPI_IN_PLACE: recv
// has the blocks to send.
//
// In round c ranks exchange whose sum is c modulo the number of ranks, so each has one partner. As
// many rounds are under way as the window allows. All ranks take the rounds in the same order, so
// the first round that is not complete never waits for a later one.
func (s *Schedule) Alltoallw(send, recv Blocks) {
	if s.remote() {
		s.interAlltoall(send, recv)
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	inPlace := send.Each == nil && send.One.Type == nil
	if !inPlace {
		s.copy(recv.at(me), send.at(me))
	}
	s.window(n, func(c int) int64 {
		peer := (c - me + n) % n
		if peer == me {
			return 0
		}
		in := recv.at(peer)
		out := in
		if !inPlace {
			out = send.at(peer)
		} else if size := in.Size(); size > 0 {
			out = s.packed(size)
			s.copy(out, in)
		}
		s.sendSome(peer, out)
		s.recvSome(peer, in)
		return out.Size() + in.Size()
	})
}

// bruck exchanges short blocks in log2(n) rounds. Block d of the temporary goes to the rank d
// further on: in round k the blocks whose d has bit k move on by 2^k ranks.
func (s *Schedule) bruck(send, recv Blocks) {
	n, me := len(s.team.Members), s.team.Rank
	size := recv.One.Size()
	if send.Each == nil && send.One.Type == nil {
		send = recv
	}
	here, out, in := s.temp(size*int64(n)), s.temp(size*int64((n+1)/2)), s.temp(size*int64((n+1)/2))
	if s.err != nil {
		return
	}
	block := func(b []byte, i int) datatype.Buffer { return datatype.Of(b[size*int64(i) : size*int64(i+1)]) }
	for d := range n {
		s.copy(block(here, d), send.at((me+d)%n))
	}
	for width := 1; width < n; width *= 2 {
		count := 0
		for d := range n {
			if d&width != 0 {
				s.copy(block(out, count), block(here, d))
				count++
			}
		}
		s.send((me+width)%n, datatype.Of(out[:size*int64(count)]))
		s.recv((me-width+n)%n, datatype.Of(in[:size*int64(count)]))
		s.fence()
		count = 0
		for d := range n {
			if d&width != 0 {
				s.copy(block(here, d), block(in, count))
				count++
			}
		}
	}
	for d := range n {
		s.copy(recv.at((me-d+n)%n), block(here, d))
	}
}

// Neighbors adds an exchange along the edges of a topology (MPI 5.0, 8.6): a block to each rank of
// out and one from each rank of in, in these orders. abi.ProcNull is nobody. swap is for a
// Cartesian topology: a message that goes down in a dimension is received from above, also where
// both neighbours of the dimension are the same rank.
func (s *Schedule) Neighbors(out, in []int32, send, recv Blocks, swap bool) {
	for i, peer := range out {
		if peer != abi.ProcNull {
			s.sendSome(int(peer), send.at(i))
		}
	}
	for i := range in {
		if swap {
			i ^= 1
		}
		if in[i] != abi.ProcNull {
			s.recvSome(int(in[i]), recv.at(i))
		}
	}
}
