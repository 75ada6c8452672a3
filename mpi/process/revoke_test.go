package process

import (
	"math"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// ULFM, MPIX_Comm_revoke: it is not collective; whatever is under way on the communicator ends with
// MPIX_ERR_REVOKED at every process, and so does what begins later. What is local works, and so do
// other communicators, also one that was made of it.
func TestRevoke(t *testing.T) {
	onPlacements(t, func(g *faultGuest) {
		const world, revoked = abi.CommWorld, abi.ErrRevoked
		comm, dup := g.out("MPI_Comm_dup", world), g.out("MPI_Comm_dup", world)
		child := g.out("MPI_Comm_dup", comm)
		buf := g.alloc(1 << 18)
		next := (g.rank + 1) % 4
		barrier, recv, any, send, ssend, duplex, part := g.alloc(4), g.alloc(4), g.alloc(4), g.alloc(4), g.alloc(4), g.alloc(4), g.alloc(4)
		g.must("MPI_Irecv", buf, 1, abi.Int, next, 1, comm, recv)
		g.must("MPI_Irecv", buf, 1, abi.Int, abi.AnySource, 2, comm, any)
		g.must("MPI_Isend", buf, 1<<16, abi.Int, next, 3, comm, send)
		g.must("MPI_Issend", buf, 0, abi.Int, next, 4, comm, ssend)
		g.must("MPI_Isendrecv", buf, 0, abi.Int, abi.ProcNull, 5, buf, 1, abi.Int, next, 5, comm, duplex)
		g.must("MPI_Precv_init", buf, 2, int64(4), abi.Int, next, 6, comm, abi.InfoNull, part)
		g.must("MPI_Start", part)
		for range 100 { // room that is given back
			g.must("MPI_Send", buf, 256, abi.Int, next, 7, comm)
		}
		g.must("MPI_Ibarrier", dup, barrier)
		g.must("MPI_Wait", barrier, 0)
		switch g.rank {
		case 0:
			g.must("MPIX_Comm_revoke", comm)
			g.must("MPIX_Comm_revoke", comm)
		case 1: // these wait until they hear of it
			g.returns(revoked, "MPI_Recv", buf, 1, abi.Int, next, 8, comm, 0)
		case 2:
			g.returns(revoked, "MPI_Barrier", comm)
		case 3:
			g.returns(revoked, "MPI_Probe", abi.AnySource, 9, comm, 0)
		}
		for _, r := range []uint32{recv, any, send, ssend, duplex, part} {
			g.returns(revoked, "MPI_Wait", r, 0)
		}
		g.returns(revoked, "MPI_Send", buf, 1, abi.Int, next, 1, comm)
		g.returns(revoked, "MPI_Send", buf, 1<<16, abi.Int, next, 1, comm)
		g.returns(revoked, "MPI_Recv", buf, 1, abi.Int, next, 7, comm, 0)
		g.returns(revoked, "MPI_Iprobe", next, 7, comm, g.alloc(4), 0)
		g.returns(revoked, "MPI_Barrier", comm)
		g.returns(revoked, "MPI_Iallreduce", g.ints(1), buf, 1, abi.Int, abi.Sum, comm, g.alloc(4))
		g.returns(revoked, "MPI_Comm_dup", comm, g.alloc(4))
		g.returns(revoked, "MPI_Comm_split", comm, 0, 0, g.alloc(4))
		g.must("MPI_Start", part)
		g.returns(revoked, "MPI_Wait", part, 0)
		if g.out("MPIX_Comm_is_revoked", comm) != 1 || g.out("MPI_Comm_size", comm) != 4 || g.out("MPI_Comm_rank", comm) != int32(g.rank) {
			t.Error("what is local does not work on a communicator that was revoked")
		}
		flag := g.ints(int32(g.rank | 4))
		g.must("MPIX_Comm_agree", comm, flag)
		if g.getInt(flag) != 4 {
			t.Errorf("MPIX_Comm_agree: %d", g.getInt(flag))
		}
		shrunk := g.out("MPIX_Comm_shrink", comm)
		for _, c := range []int32{dup, child, shrunk, world} {
			if g.out("MPIX_Comm_is_revoked", c) != 0 {
				t.Error("another communicator is revoked")
			}
			sum := g.alloc(4)
			g.must("MPI_Allreduce", g.ints(1), sum, 1, abi.Int, abi.Sum, c)
			g.must("MPI_Sendrecv", buf, 1<<16, abi.Int, next, 7, buf, 1<<16, abi.Int, (g.rank+3)%4, 7, c, 0)
			if g.getInt(sum) != 4 {
				t.Errorf("the sum is %d", g.getInt(sum))
			}
		}
		g.must("MPI_Comm_free", g.ints(comm))
	})
}

// A communicator that a process revokes before another has made it is revoked from the start. Those
// without a common member have nothing to do with each other.
func TestRevokedEarly(t *testing.T) {
	onPlacements(t, func(g *faultGuest) {
		halves := g.out("MPI_Comm_split", abi.CommWorld, g.rank/2, 0)
		if g.rank == 0 {
			comm := g.out("MPI_Comm_dup", abi.CommWorld)
			g.must("MPIX_Comm_revoke", comm)
			g.must("MPIX_Comm_revoke", abi.CommSelf)
			g.must("MPIX_Comm_revoke", halves)
			g.must("MPI_Barrier", abi.CommWorld)
			g.returns(abi.ErrRevoked, "MPI_Barrier", comm)
			return
		}
		g.must("MPI_Barrier", abi.CommWorld) // a dup needs no message
		comm := g.out("MPI_Comm_dup", abi.CommWorld)
		g.returns(abi.ErrRevoked, "MPI_Barrier", comm)
		g.must("MPI_Barrier", abi.CommSelf)
		if g.rank == 1 {
			g.returns(abi.ErrRevoked, "MPI_Barrier", halves)
		} else {
			g.must("MPI_Barrier", halves)
		}
	})
}

// ULFM, MPIX_Comm_agree: the bits that all flags have; the same error everywhere as long as some
// process has not acknowledged a failure. Nonblocking ones are decided in order.
func TestAgree(t *testing.T) {
	onPlacements(t, func(g *faultGuest) {
		const world = abi.CommWorld
		flag := g.ints(math.MaxInt32 &^ (1 << g.rank))
		g.must("MPIX_Comm_agree", world, flag)
		if g.getInt(flag) != math.MaxInt32&^15 {
			t.Errorf("the flag is %x", g.getInt(flag))
		}
		const many = 10
		flags, requests := g.alloc(4*many), g.alloc(4*many)
		for i := range many {
			copy(g.mem[flags+uint32(4*i):], []byte{byte(i | g.rank<<4), 0, 0, 0x80})
			g.must("MPIX_Comm_iagree", world, flags+uint32(4*i), requests+uint32(4*i))
		}
		g.must("MPI_Waitall", many, requests, 0)
		for i := range many {
			if v := g.getInt(flags + uint32(4*i)); v != int32(uint32(0x80000000)|uint32(i)) {
				t.Errorf("agreement %d is %x", i, v)
			}
		}
		g.victimFails()
		copy(g.mem[flag:], []byte{6, 0, 0, 0})
		g.returns(abi.ErrProcFailed, "MPIX_Comm_agree", world, flag)
		if g.getInt(flag) != 6 {
			t.Errorf("the flag is %x", g.getInt(flag))
		}
		if g.rank != 1 { // all have to
			g.must("MPIX_Comm_failure_ack", world)
		}
		g.returns(abi.ErrProcFailed, "MPIX_Comm_agree", world, flag)
		g.must("MPIX_Comm_failure_ack", world)
		g.must("MPIX_Comm_agree", world, flag)
		g.returns(abi.ErrProcFailed, "MPI_Barrier", world) // collectives stay as they are
	})
}

// ULFM, MPIX_Comm_shrink: the processes that live, in the same order, also of an intercommunicator.
func TestShrink(t *testing.T) {
	faultJobOn(t, []int{0, 1, 2, 0, 1, 2}, func(g *faultGuest) {
		const world = abi.CommWorld
		backwards := g.out("MPI_Comm_split", world, 0, -g.rank)
		side := g.out("MPI_Comm_split", world, g.rank%2, 0)
		inter := g.out("MPI_Intercomm_create", side, 0, world, 1-g.rank%2, 1)
		if g.rank == 2 || g.rank == 5 {
			g.dies(6)
		}
		g.ready.Add(1)
		g.knows(2)
		got := g.members(g.out("MPI_Comm_group", g.out("MPIX_Comm_shrink", backwards)))
		if !slices.Equal(got, []int32{4, 3, 1, 0}) {
			t.Errorf("%v live", got)
		}
		comm, request := g.alloc(4), g.alloc(4)
		g.must("MPIX_Comm_ishrink", world, comm, request)
		g.must("MPI_Wait", request, 0)
		if got := g.members(g.out("MPI_Comm_group", g.getInt(comm))); !slices.Equal(got, []int32{0, 1, 3, 4}) {
			t.Errorf("%v live", got)
		}
		g.must("MPI_Barrier", g.getInt(comm))
		left := g.out("MPIX_Comm_shrink", inter)
		if n, m := g.out("MPI_Comm_size", left), g.out("MPI_Comm_remote_size", left); n != 2 || m != 2 {
			t.Errorf("%d and %d live", n, m)
		}
		sum := g.alloc(4)
		g.must("MPI_Allreduce", g.ints(int32(g.rank)), sum, 1, abi.Int, abi.Sum, left)
		if want := []int32{4, 4}[g.rank%2]; g.getInt(sum) != want {
			t.Errorf("the other side's sum is %d", g.getInt(sum))
		}
		flag := g.ints(3)
		g.returns(abi.ErrProcFailed, "MPIX_Comm_agree", inter, flag)
		g.must("MPI_Comm_disconnect", g.ints(inter))
	})
}

// Processes that call different functions are told so.
func TestAgreeAndShrink(t *testing.T) {
	faultJobOn(t, []int{0, 1}, func(g *faultGuest) {
		if g.rank == 0 {
			g.returns(abi.ErrOther, "MPIX_Comm_agree", abi.CommWorld, g.ints(1))
		} else {
			g.returns(abi.ErrOther, "MPIX_Comm_shrink", abi.CommWorld, g.alloc(4))
		}
		g.must("MPI_Barrier", abi.CommWorld)
	})
}
