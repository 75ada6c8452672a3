package coll

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// Blocks are a buffer's parts, one for each rank.
type Blocks struct {
	// One is block 0, of those that lie one after the other.
	One datatype.Buffer
	// Each, if it is not nil, are the blocks, wherever they lie.
	Each []datatype.Buffer
}

// at is the block of a rank.
func (b *Blocks) at(i int) datatype.Buffer {
	if b.Each != nil {
		return b.Each[i]
	}
	return b.run(i, i+1)
}

// run is blocks lo to hi, of those that lie one after the other.
func (b *Blocks) run(lo, hi int) datatype.Buffer {
	one := b.One
	if one.Type == nil {
		return one
	}
	_, extent := one.Type.Extent()
	one.Addr += int64(lo) * one.Count * extent
	one.Count *= int64(hi - lo)
	return one
}

// Gather adds a gather of blocks of one size (MPI 5.0, 6.5). recv counts at the root alone. A send
// without a type is MPI_IN_PLACE.
func (s *Schedule) Gather(send datatype.Buffer, recv Blocks, root int) {
	if s.remote() {
		s.interGather(send, recv, root)
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	block := send.Size()
	if me == root {
		block = recv.One.Size()
	}
	if block > treeBlock || n <= 2 {
		s.Gatherv(send, recv, root)
		return
	}
	at := tree(n, root, me)
	if me == root {
		for _, c := range at.children {
			s.recv(c.rank, recv.run(c.lo, c.hi))
		}
		if send.Type != nil {
			s.copy(recv.at(me), send)
		}
		return
	}
	if len(at.children) > 0 {
		all := Blocks{One: s.packed(block * int64(at.hi-at.lo))}
		all.One.Count = block
		for _, c := range at.children {
			s.recv(c.rank, all.run(c.lo-at.lo, c.hi-at.lo))
		}
		s.copy(all.at(me-at.lo), send)
		s.fence()
		send = all.run(0, at.hi-at.lo)
	}
	s.send(at.parent, send)
}

// Gatherv adds a gather of blocks of any sizes: the root receives each from its rank.
func (s *Schedule) Gatherv(send datatype.Buffer, recv Blocks, root int) {
	if s.remote() {
		s.interGather(send, recv, root)
		return
	}
	me := s.team.Rank
	if me != root {
		s.send(root, send)
		return
	}
	if send.Type != nil {
		s.copy(recv.at(me), send)
	}
	s.each(len(s.team.Members), me, recv, s.recv)
}

// Scatter adds a scatter of blocks of one size (MPI 5.0, 6.6). send counts at the root alone. A
// recv without a type is MPI_IN_PLACE.
func (s *Schedule) Scatter(send Blocks, recv datatype.Buffer, root int) {
	if s.remote() {
		s.interScatter(send, recv, root)
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	block := recv.Size()
	if me == root {
		block = send.One.Size()
	}
	if block > treeBlock || n <= 2 {
		s.Scatterv(send, recv, root)
		return
	}
	at := tree(n, root, me)
	if me != root {
		if len(at.children) == 0 {
			s.recv(at.parent, recv)
			return
		}
		send = Blocks{One: s.packed(block * int64(at.hi-at.lo))}
		send.One.Count = block
		s.recv(at.parent, send.run(0, at.hi-at.lo))
		s.fence()
	} else {
		at.lo = 0
	}
	for i := len(at.children) - 1; i >= 0; i-- {
		c := at.children[i]
		s.send(c.rank, send.run(c.lo-at.lo, c.hi-at.lo))
	}
	if recv.Type != nil {
		s.copy(recv, send.at(me-at.lo))
	}
}

// Scatterv adds a scatter of blocks of any sizes: the root sends each to its rank.
func (s *Schedule) Scatterv(send Blocks, recv datatype.Buffer, root int) {
	if s.remote() {
		s.interScatter(send, recv, root)
		return
	}
	me := s.team.Rank
	if me != root {
		s.recv(root, recv)
		return
	}
	if recv.Type != nil {
		s.copy(recv, send.at(me))
	}
	s.each(len(s.team.Members), me, send, s.send)
}

// each adds a message for each of the first n blocks, with the block's rank, except for the rank
// but.
func (s *Schedule) each(n, but int, blocks Blocks, message func(peer int, b datatype.Buffer)) {
	s.window(n, func(i int) int64 {
		if i == but {
			return 0
		}
		b := blocks.at(i)
		message(i, b)
		return b.Size()
	})
}

// window calls each for 0 to n, which adds messages and returns their bytes. It adds a fence
// whenever enough bytes or messages are in flight.
func (s *Schedule) window(n int, each func(i int) int64) {
	count, bytes := 0, int64(0)
	for i := range n {
		bytes += each(i)
		if count++; count == windowCount || bytes >= windowBytes {
			s.fence()
			count, bytes = 0, 0
		}
	}
	s.fence()
}
