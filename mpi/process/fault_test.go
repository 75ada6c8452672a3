package process

import (
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// placements of ranks that a test of failures runs on.
var faultPlacements = map[string][]int{"one node": {0, 0, 0, 0}, "nodes": {0, 1, 2, 1}}

// onPlacements runs a program of four ranks on each placement. Rank 3 is the one that fails.
func onPlacements(t *testing.T, program func(g *faultGuest)) {
	t.Helper()
	for name, nodes := range faultPlacements {
		t.Run(name, func(t *testing.T) { faultJobOn(t, nodes, program) })
	}
}

// victimFails has rank 3 fail, and the others know of it.
func (g *faultGuest) victimFails() {
	if g.rank == 3 {
		g.dies(4)
	}
	g.ready.Add(1)
	g.knows(1)
}

// ULFM, "Process failure notification": an operation that needs a process that has failed raises
// MPIX_ERR_PROC_FAILED, before it is known and after, in all forms. A message that came before is
// received.
func TestPointToPointWithFailed(t *testing.T) {
	onPlacements(t, func(g *faultGuest) {
		const world = abi.CommWorld
		buf, status := g.alloc(1<<18), g.alloc(2*abi.StatusSize)
		if g.rank == 3 {
			g.must("MPI_Send", g.ints(77), 1, abi.Int, 0, 1, world)
			g.must("MPI_Barrier", world)
			g.victimFails()
		}
		g.must("MPI_Barrier", world)
		pending := g.alloc(8)
		if g.rank == 0 { // known only while they are under way
			g.must("MPI_Irecv", buf, 1, abi.Int, 3, 9, world, pending)
			g.must("MPI_Irecv", buf, 1, abi.Int, 1, 9, world, pending+4)
		}
		g.victimFails()
		switch g.rank {
		case 0:
			g.must("MPI_Send", buf, 1, abi.Int, 1, 8, world)
			g.returns(abi.ErrInStatus, "MPI_Waitall", 2, pending, status)
			for i, want := range []int32{abi.ErrProcFailed, abi.Success} {
				if code := g.getInt(status + uint32(i*abi.StatusSize+abi.StatusError)); code != want {
					t.Errorf("status %d of MPI_Waitall: %s", i, className(code))
				}
			}
			g.must("MPI_Recv", buf, 1, abi.Int, 3, 1, world, 0)
			if g.getInt(buf) != 77 {
				t.Errorf("the message that was sent before the failure is %d", g.getInt(buf))
			}
		case 1:
			g.must("MPI_Recv", buf, 1, abi.Int, 0, 8, world, 0)
			g.must("MPI_Send", buf, 1, abi.Int, 0, 9, world)
		case 2:
			return
		}
		const failed = abi.ErrProcFailed
		g.returns(failed, "MPI_Recv", buf, 1, abi.Int, 3, 2, world, 0)
		g.returns(failed, "MPI_Send", buf, 1, abi.Int, 3, 2, world)
		g.returns(failed, "MPI_Send", buf, 1<<16, abi.Int, 3, 2, world)
		g.returns(failed, "MPI_Ssend", buf, 1, abi.Int, 3, 2, world)
		g.returns(failed, "MPI_Probe", 3, 2, world, 0)
		g.returns(failed, "MPI_Iprobe", 3, 2, world, pending, 0)
		g.returns(failed, "MPI_Mprobe", 3, 2, world, pending, 0)
		g.returns(failed, "MPI_Improbe", 3, 2, world, pending, pending+4, 0)
		g.returns(failed, "MPI_Sendrecv", buf, 1, abi.Int, 1-g.rank, 3, buf+64, 1, abi.Int, 3, 3, world, 0)
		g.returns(failed, "MPI_Sendrecv", buf, 1, abi.Int, 3, 4, buf+64, 1, abi.Int, 1-g.rank, 3, world, 0)
		request, flag := g.alloc(4), g.alloc(4)
		for _, nonblocking := range []func(){
			func() { g.must("MPI_Isend", buf, 1, abi.Int, 3, 2, world, request) },
			func() { g.must("MPI_Issend", buf, 1, abi.Int, 3, 2, world, request) },
			func() { g.must("MPI_Irecv", buf, 1, abi.Int, 3, 2, world, request) },
			func() {
				g.must("MPI_Isendrecv", buf, 1, abi.Int, abi.ProcNull, 2, buf+64, 1, abi.Int, 3, 2, world, request)
			},
		} {
			nonblocking()
			g.returns(failed, "MPI_Wait", request, 0)
			nonblocking()
			g.returns(failed, "MPI_Test", request, flag, 0)
			if g.getInt(flag) != 1 || g.getInt(request) != abi.RequestNull {
				t.Errorf("MPI_Test: flag %d, request %s", g.getInt(flag), handleName(g.getInt(request)))
			}
			nonblocking()
			index := g.alloc(4)
			g.returns(failed, "MPI_Waitany", 1, request, index, 0)
			nonblocking()
			g.returns(abi.ErrInStatus, "MPI_Waitsome", 1, request, index, g.alloc(4), status)
			if code := g.getInt(status + abi.StatusError); code != failed {
				t.Errorf("MPI_Waitsome: %s", className(code))
			}
		}
		for _, persistent := range []func(){
			func() { g.must("MPI_Send_init", buf, 1, abi.Int, 3, 2, world, request) },
			func() { g.must("MPI_Recv_init", buf, 1, abi.Int, 3, 2, world, request) },
			func() { g.must("MPI_Precv_init", buf, 2, int64(4), abi.Int, 3, 2, world, abi.InfoNull, request) },
		} {
			persistent()
			for range 2 {
				g.must("MPI_Start", request)
				g.returns(failed, "MPI_Wait", request, 0)
			}
			g.must("MPI_Request_free", request)
		}
		g.must("MPI_Psend_init", buf, 2, int64(4), abi.Int, 3, 2, world, abi.InfoNull, request)
		g.must("MPI_Start", request)
		g.must("MPI_Pready_range", 0, 1, g.getInt(request))
		g.returns(failed, "MPI_Wait", request, 0)
	})
}

// ULFM, "Process failure notification": a receive from MPI_ANY_SOURCE cannot complete while a
// failure is not acknowledged. The blocking one raises MPIX_ERR_PROC_FAILED; the nonblocking one
// MPIX_ERR_PROC_FAILED_PENDING, and completes after MPIX_Comm_failure_ack.
func TestAnySourceWithFailed(t *testing.T) {
	onPlacements(t, func(g *faultGuest) {
		const world, failed, pending = abi.CommWorld, abi.ErrProcFailed, abi.ErrProcFailedPending
		buf, status := g.alloc(64), g.alloc(2*abi.StatusSize)
		request, flag := g.ints(abi.RequestNull, abi.RequestNull), g.ints(7)
		if g.rank == 0 {
			g.must("MPI_Irecv", buf, 1, abi.Int, abi.AnySource, 5, world, request)
			g.must("MPI_Recv_init", buf+4, 1, abi.Int, abi.AnySource, 6, world, request+4)
			g.must("MPI_Start", request+4)
		}
		if g.rank == 1 { // it comes before the failure, and is received all the same
			g.must("MPI_Send", g.ints(11), 1, abi.Int, 0, 4, world)
		}
		g.must("MPI_Barrier", world)
		g.victimFails()
		if g.rank != 0 {
			g.must("MPI_Recv", buf, 0, abi.Int, 0, 1, world, 0)
			g.must("MPI_Send", g.ints(22), 1, abi.Int, 0, 4+g.rank, world) // 5 and 6
			return
		}
		g.must("MPI_Recv", buf+8, 1, abi.Int, abi.AnySource, 4, world, 0)
		g.returns(failed, "MPI_Recv", buf+8, 1, abi.Int, abi.AnySource, 4, world, 0)
		g.returns(failed, "MPI_Probe", abi.AnySource, 4, world, 0)
		g.returns(pending, "MPI_Wait", request, 0)
		g.returns(pending, "MPI_Test", request, flag, 0)
		if g.getInt(flag) != 0 {
			t.Error("MPI_Test says that a pending request is complete")
		}
		g.returns(pending, "MPI_Waitany", 2, request, flag, 0)
		g.returns(abi.ErrInStatus, "MPI_Waitall", 2, request, status)
		for i := range 2 {
			if code := g.getInt(status + uint32(i*abi.StatusSize+abi.StatusError)); code != pending {
				t.Errorf("status %d of MPI_Waitall: %s", i, className(code))
			}
		}
		if list := g.getInts(request, 2); slices.Contains(list, abi.RequestNull) {
			t.Fatalf("requests that are pending are freed: %x", list)
		}
		if g.members(g.out("MPIX_Comm_failure_get_acked", world)) != nil {
			t.Error("a failure is acknowledged that was not")
		}
		g.must("MPIX_Comm_failure_ack", world)
		for _, name := range []string{"MPIX_Comm_failure_get_acked", "MPIX_Comm_get_failed"} {
			if list := g.members(g.out(name, world)); !slices.Equal(list, []int32{3}) {
				t.Errorf("%s: %v", name, list)
			}
		}
		for to := 1; to <= 2; to++ {
			g.must("MPI_Send", buf, 0, abi.Int, to, 1, world)
		}
		g.must("MPI_Waitall", 2, request, status)
		g.must("MPI_Request_free", request+4)
		if got := g.getInts(buf, 2); !slices.Equal(got, []int32{22, 22}) {
			t.Errorf("received %v", got)
		}
		g.must("MPI_Iprobe", abi.AnySource, 4, world, flag, 0)
	})
}

// members are the ranks in the world of the members of a group.
func (g *faultGuest) members(group int32) (list []int32) {
	n := int(g.out("MPI_Group_size", group))
	all := g.out("MPI_Comm_group", abi.CommWorld)
	for i := range n {
		to := g.alloc(4)
		g.must("MPI_Group_translate_ranks", group, 1, g.ints(int32(i)), all, to)
		list = append(list, g.getInt(to))
	}
	return list
}

// MPIX_Comm_ack_failed acknowledges some of the failures, in the order of MPIX_Comm_get_failed.
func TestAckFailed(t *testing.T) {
	faultJobOn(t, []int{0, 1, 2, 3, 4}, func(g *faultGuest) {
		const world = abi.CommWorld
		half := g.out("MPI_Comm_split", world, int(min(g.rank, 3))/3, 0) // 0 1 2, and 3 4
		if g.rank >= 3 {
			g.dies(5)
		}
		g.ready.Add(1)
		g.knows(2)
		failed := g.members(g.out("MPIX_Comm_get_failed", world))
		if len(failed) != 2 || g.members(g.out("MPIX_Comm_get_failed", half)) != nil {
			t.Errorf("rank %d: %v have failed", g.rank, failed)
		}
		for n := range 4 {
			if acked := g.out("MPIX_Comm_ack_failed", world, n); acked != int32(min(n, 2)) {
				t.Errorf("%d acknowledged after %d", acked, n)
			}
			if list := g.members(g.out("MPIX_Comm_failure_get_acked", world)); !slices.Equal(list, failed[:min(n, 2)]) {
				t.Errorf("%v acknowledged of %v", list, failed)
			}
		}
		g.returns(abi.ErrArg, "MPIX_Comm_ack_failed", world, -1, g.alloc(4))
		g.must("MPI_Barrier", half)
	})
}

// ULFM, "Process failure notification": a collective operation, or one that makes a communicator,
// ends at every process that lives. Those without the process that failed go on.
func TestCollectivesWithFailed(t *testing.T) {
	for name, call := range map[string]func(g *faultGuest, comm int32) int32{
		"barrier": func(g *faultGuest, comm int32) int32 { return g.call("MPI_Barrier", comm) },
		"bcast of the failed": func(g *faultGuest, comm int32) int32 {
			return g.call("MPI_Bcast", g.alloc(1<<16), 1<<14, abi.Int, 3, comm)
		},
		"allreduce": func(g *faultGuest, comm int32) int32 {
			return g.call("MPI_Allreduce", g.ints(1), g.alloc(4), 1, abi.Int, abi.Sum, comm)
		},
		"alltoall": func(g *faultGuest, comm int32) int32 {
			return g.call("MPI_Alltoall", g.alloc(1<<18), 1<<14, abi.Int, g.alloc(1<<18), 1<<14, abi.Int, comm)
		},
		"nonblocking": func(g *faultGuest, comm int32) int32 {
			r := g.alloc(4)
			if code := g.call("MPI_Ibarrier", comm, r); code != abi.Success {
				return code
			}
			return g.call("MPI_Wait", r, 0)
		},
		"persistent": func(g *faultGuest, comm int32) int32 {
			r := g.alloc(4)
			g.must("MPI_Barrier_init", comm, abi.InfoNull, r)
			g.must("MPI_Start", r)
			return g.call("MPI_Wait", r, 0)
		},
		"split": func(g *faultGuest, comm int32) int32 { return g.call("MPI_Comm_split", comm, 0, 0, g.alloc(4)) },
		"intercommunicator": func(g *faultGuest, comm int32) int32 {
			return g.call("MPI_Intercomm_create", abi.CommSelf, 0, comm, (g.rank+1)%4, 1, g.alloc(4))
		},
	} {
		for placement, nodes := range faultPlacements {
			t.Run(name+" on "+placement, func(t *testing.T) {
				faultJobOn(t, nodes, func(g *faultGuest) {
					rest := g.out("MPI_Comm_split", abi.CommWorld, g.rank/3, 0)
					if g.rank == 3 {
						g.dies(4)
					}
					g.ready.Add(1)
					if name != "intercommunicator" {
						if code := call(g, abi.CommWorld); code != abi.ErrProcFailed {
							t.Errorf("rank %d: %s", g.rank, className(code))
						}
					} else if g.rank == 2 {
						if code := call(g, abi.CommWorld); code != abi.ErrProcFailed {
							t.Errorf("rank %d: %s", g.rank, className(code))
						}
					}
					g.knows(1)
					g.returns(abi.ErrProcFailed, "MPI_Barrier", abi.CommWorld)
					g.returns(abi.ErrProcFailed, "MPI_Comm_dup", abi.CommWorld, g.alloc(4))
					// of the processes that live (MPI 5.0, 7.4.2)
					group := g.out("MPI_Comm_group", rest)
					made := g.out("MPI_Comm_create_group", abi.CommWorld, group, 3)
					g.must("MPI_Barrier", made)
					g.must("MPI_Barrier", rest)
				})
			})
		}
	}
}

// With MPI_ERRORS_ARE_FATAL the job ends, and its text names who has failed; an error handler of
// the program is called once.
func TestErrorHandlersOfFailures(t *testing.T) {
	errs := faultJob(t, []int{0, 1}, 1, false, nil, func(g *faultGuest) {
		if g.rank == 1 {
			g.dies(0)
		}
		calls := 0
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, g.out("MPI_Comm_create_errhandler", func(args ...uint64) uint64 {
			calls++
			if code := g.getInt(uint32(args[1])); code != abi.ErrProcFailed {
				t.Errorf("the error handler gets %s", className(code))
			}
			return 0
		}))
		g.returns(abi.ErrProcFailed, "MPI_Recv", g.alloc(4), 1, abi.Int, 1, 0, abi.CommWorld, 0)
		if calls != 1 {
			t.Errorf("the error handler was called %d times", calls)
		}
		class, text := g.alloc(4), g.alloc(abi.MaxErrorString)
		for code, name := range map[int32]string{abi.ErrProcFailed: "MPIX_ERR_PROC_FAILED", abi.ErrProcFailedPending: "MPIX_ERR_PROC_FAILED_PENDING", abi.ErrRevoked: "MPIX_ERR_REVOKED"} {
			g.must("MPI_Error_class", code, class)
			g.must("MPI_Error_string", code, text, g.alloc(4))
			if g.getInt(class) != code || !strings.HasPrefix(g.getString(text), name+": ") {
				t.Errorf("class %d of %d: %s", g.getInt(class), code, g.getString(text))
			}
		}
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsAreFatal)
		g.call("MPI_Barrier", abi.CommWorld)
	})
	const says = "MPI_Barrier: rank 1 has failed: it was killed (MPIX_ERR_PROC_FAILED)"
	if errs[0] == nil || !strings.Contains(errs[0].Error(), says) {
		t.Errorf("the job ended with %v", errs[0])
	}
}
