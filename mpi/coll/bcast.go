package coll

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// Sizes at which algorithms change, in bytes.
const (
	bcastSplit   = 512 << 10 // a message that is scattered and gathered, with bcastRanks or more
	bcastRanks   = 4
	treeBlock    = 4 << 10  // blocks of Gather and Scatter that go through a tree
	doublingAll  = 64 << 10 // all blocks of Allgather by recursive doubling or Bruck's algorithm
	bruckBlock   = 256      // blocks of Alltoall by Bruck's algorithm, with more than bruckRanks
	bruckRanks   = 8
	halvingBytes = 16 << 10 // a vector of Reduce or Allreduce by recursive halving
	windowBytes  = 1 << 20  // in flight at once in Alltoall and the like
	windowCount  = 64       // messages of a round there
)

// Barrier adds a barrier (MPI 5.0, 6.3): dissemination. With two groups, the leaders meet once all
// of their own have come.
func (s *Schedule) Barrier() {
	if s.remote() {
		s.interBarrier()
		return
	}
	n, me := len(s.team.Members), s.team.Rank
	for d := 1; d < n; d *= 2 {
		s.send((me+d)%n, datatype.Of(nil))
		s.recv((me-d+n)%n, datatype.Of(nil))
		s.fence()
	}
}

// Bcast adds a broadcast (MPI 5.0, 6.4).
func (s *Schedule) Bcast(b datatype.Buffer, root int) {
	if s.remote() {
		s.interBcast(b, root)
		return
	}
	if n := len(s.team.Members); b.Size() >= bcastSplit && n >= bcastRanks {
		s.splitBcast(b, root)
		return
	}
	s.treeBcast(b, root)
}

func (s *Schedule) treeBcast(b datatype.Buffer, root int) {
	at := tree(len(s.team.Members), root, s.team.Rank)
	if at.parent >= 0 {
		s.recv(at.parent, b)
		s.fence()
	}
	for i := len(at.children) - 1; i >= 0; i-- {
		s.send(at.children[i].rank, b)
	}
	s.fence()
}

// splitBcast scatters the message by a tree, and has each rank gather what it lacks around a ring.
func (s *Schedule) splitBcast(user datatype.Buffer, root int) {
	n, me := len(s.team.Members), s.team.Rank
	b, ok := user.Bytes()
	if !ok {
		if b = s.temp(user.Size()); b == nil {
			return
		}
		if me == root {
			s.copy(datatype.Of(b), user)
		}
	}
	size := int64(len(b))
	part := func(lo, hi int) datatype.Buffer {
		return datatype.Of(b[size*int64(lo)/int64(n) : size*int64(hi)/int64(n)])
	}
	at := tree(n, root, me)
	if at.parent >= 0 {
		s.recv(at.parent, part(at.lo, at.hi))
		s.fence()
	}
	for i := len(at.children) - 1; i >= 0; i-- {
		s.send(at.children[i].rank, part(at.children[i].lo, at.children[i].hi))
	}
	right, left := (me+1)%n, (me-1+n)%n
	there := tree(n, root, right)
	for i := range n - 1 {
		out, in := (me-i+n)%n, (me-i-1+n)%n
		if out < there.lo || out >= there.hi {
			s.send(right, part(out, out+1))
		}
		if in < at.lo || in >= at.hi {
			s.recv(left, part(in, in+1))
		}
		s.fence()
	}
	if !ok && me != root {
		s.copy(user, datatype.Of(b))
	}
}
