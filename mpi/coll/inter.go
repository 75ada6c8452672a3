package coll

import (
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
)

// On an intercommunicator (MPI 5.0, 6.2.3) what one group has goes to the other. Rank 0 of a group
// leads it where only one has to speak for it.

func (s *Schedule) interBarrier() {
	none := datatype.Of(nil)
	n, me := len(s.team.Members), s.team.Rank
	s.local = true
	at := tree(n, 0, me)
	for _, c := range at.children {
		s.recv(c.rank, none)
	}
	s.fence()
	if at.parent >= 0 {
		s.send(at.parent, none)
	}
	s.local = false
	if me == 0 {
		s.send(0, none)
		s.recv(0, none)
	}
	s.fence()
	s.local = true
	s.treeBcast(none, 0)
}

func (s *Schedule) interBcast(b datatype.Buffer, root int) {
	switch {
	case root == abi.ProcNull:
		return
	case root == abi.Root:
		s.send(0, b)
		return
	case s.team.Rank == 0:
		s.recv(root, b)
		s.fence()
	}
	s.local = true
	s.Bcast(b, 0)
}

func (s *Schedule) interGather(send datatype.Buffer, recv Blocks, root int) {
	switch root {
	case abi.ProcNull:
	case abi.Root:
		s.each(len(s.team.Remote), -1, recv, s.recv)
	default:
		s.send(root, send)
	}
}

func (s *Schedule) interScatter(send Blocks, recv datatype.Buffer, root int) {
	switch root {
	case abi.ProcNull:
	case abi.Root:
		s.each(len(s.team.Remote), -1, send, s.send)
	default:
		s.recv(root, recv)
	}
}

func (s *Schedule) interAllgather(send datatype.Buffer, recv Blocks) {
	s.between(func(int) datatype.Buffer { return send }, recv.at)
}

func (s *Schedule) interAlltoall(send, recv Blocks) { s.between(send.at, recv.at) }

// between exchanges a message with each of the remote group, in rounds like those of Alltoallw.
func (s *Schedule) between(send, recv func(peer int) datatype.Buffer) {
	remote := len(s.team.Remote)
	n := max(remote, len(s.team.Members))
	s.window(n, func(c int) int64 {
		peer := (c - s.team.Rank + n) % n
		if peer >= remote {
			return 0
		}
		out, in := send(peer), recv(peer)
		s.sendSome(peer, out)
		s.recvSome(peer, in)
		return out.Size() + in.Size()
	})
}

// localReduce reduces within the local group and reports whether this rank, 0, has the result.
func (s *Schedule) localReduce(send datatype.Buffer, op Op) (*reduction, bool) {
	s.local = true
	defer func() { s.local = false }()
	r := s.begin(send, datatype.Buffer{}, op)
	p := pairUp(len(s.team.Members), 0)
	return r, p.join(r) && p.reduceTree(r)
}

func (s *Schedule) interReduce(send, recv datatype.Buffer, op Op, root int) {
	switch root {
	case abi.ProcNull:
	case abi.Root:
		s.recv(0, recv)
	default:
		if r, ok := s.localReduce(send, op); ok {
			s.send(root, r.mine())
		}
	}
}

func (s *Schedule) interAllreduce(send, recv datatype.Buffer, op Op) {
	if r, ok := s.localReduce(send, op); ok {
		s.send(0, r.mine())
		s.recv(0, recv)
	}
	s.fence()
	s.local = true
	s.Bcast(recv, 0)
}

func (s *Schedule) interReduceScatter(send, recv datatype.Buffer, counts func(rank int) int64, op Op) {
	var all datatype.Buffer
	if r, ok := s.localReduce(send, op); ok {
		all = s.packed(send.Size())
		s.send(0, r.mine())
		s.recv(0, all)
		s.fence()
	}
	s.local = true
	var blocks Blocks
	if s.team.Rank == 0 {
		unit := op.Type.Size()
		for i := range s.team.Members {
			b := all
			b.Count = counts(i) * unit
			blocks.Each = append(blocks.Each, b)
			all.Addr += b.Count
		}
	}
	s.Scatterv(blocks, recv, 0)
}
