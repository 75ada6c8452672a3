package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// irecv starts a receive of ints, and returns the request.
func (g *guest) irecv(buf uint32, n, source, tag int) int32 {
	return g.out("MPI_Irecv", buf, n, abi.Int, source, tag, abi.CommWorld)
}

func (g *guest) send(dest, tag int, data ...int32) {
	g.Helper()
	g.must("MPI_Send", g.ints(data...), len(data), abi.Int, dest, tag, abi.CommWorld)
}

// recv receives one int.
func (g *guest) recv(source, tag int) int32 {
	g.Helper()
	buf := g.alloc(4)
	g.must("MPI_Recv", buf, 1, abi.Int, source, tag, abi.CommWorld, abi.StatusIgnore)
	return g.getInt(buf)
}

var empty = status{abi.AnySource, abi.AnyTag, abi.Success}

// MPI 5.0, 3.7.3: a null or inactive request is complete, with an empty status.
func TestNullRequests(t *testing.T) {
	job(t, 1, func(g *guest) {
		inactive := g.out("MPI_Recv_init", g.alloc(4), 1, abi.Int, 0, 0, abi.CommWorld)
		list := g.ints(abi.RequestNull, inactive)
		for i := range 2 {
			st := g.status()
			g.must("MPI_Wait", list+uint32(4*i), st)
			want(g, "status", g.getStatus(st), empty)
			want(g, "count", g.count(st, abi.Int), 0)
			want(g, "cancelled", g.out("MPI_Test_cancelled", st), 0)
			flag := g.alloc(4)
			g.must("MPI_Test", list+uint32(4*i), flag, st)
			want(g, "flag", g.getInt(flag), 1)
		}
		index, flag, st := g.alloc(4), g.alloc(4), g.status()
		g.must("MPI_Waitany", 2, list, index, st)
		want(g, "index", g.getInt(index), abi.Undefined)
		want(g, "status", g.getStatus(st), empty)
		g.must("MPI_Testany", 2, list, index, flag, st)
		want(g, "index", g.getInt(index), abi.Undefined)
		want(g, "flag", g.getInt(flag), 1)
		g.must("MPI_Waitsome", 2, list, index, g.alloc(8), abi.StatusesIgnore)
		want(g, "outcount", g.getInt(index), abi.Undefined)
		g.must("MPI_Testsome", 2, list, index, g.alloc(8), abi.StatusesIgnore)
		want(g, "outcount", g.getInt(index), abi.Undefined)
		g.must("MPI_Waitall", 2, list, abi.StatusesIgnore)
		g.must("MPI_Testall", 2, list, flag, abi.StatusesIgnore)
		want(g, "flag", g.getInt(flag), 1)
		want(g, "handle of the inactive request", g.getInt(list+4), inactive)
		g.must("MPI_Request_free", list+4)
		want(g, "handle", g.getInt(list+4), abi.RequestNull)
	})
}

// MPI 5.0, 3.7.5: any, some and all complete only what is done.
func TestMultipleCompletions(t *testing.T) {
	everywhere(t, func(g *guest) {
		if g.rank != 0 {
			g.recv(0, 0) // the signal to go on
			g.send(0, g.rank, int32(g.rank*10))
			g.recv(0, 0)
			g.send(0, 10+g.rank, int32(g.rank*100))
			return
		}
		in := g.alloc(16)
		list := g.ints(g.irecv(in, 1, 1, 1), g.irecv(in+4, 1, 2, 2), abi.RequestNull, g.irecv(in+8, 1, 1, 11), g.irecv(in+12, 1, 2, 12))
		count, places, flag := g.alloc(4), g.alloc(20), g.alloc(4)
		g.must("MPI_Testall", 5, list, flag, abi.StatusesIgnore)
		want(g, "flag", g.getInt(flag), 0)
		g.must("MPI_Testsome", 5, list, count, places, abi.StatusesIgnore)
		want(g, "outcount", g.getInt(count), 0)
		g.must("MPI_Testany", 5, list, count, flag, abi.StatusIgnore)
		want(g, "flag", g.getInt(flag), 0)
		want(g, "index", g.getInt(count), abi.Undefined)

		g.send(2, 0, 1)
		index, st := g.alloc(4), g.status()
		g.must("MPI_Waitany", 5, list, index, st)
		want(g, "index", g.getInt(index), 1)
		want(g, "status", g.getStatus(st), status{2, 2, -77})
		want(g, "data", g.getInt(in+4), 20)
		want(g, "handle", g.getInt(list+4), abi.RequestNull)

		g.send(1, 0, 1)
		sts := g.alloc(5 * abi.StatusSize)
		g.must("MPI_Waitsome", 5, list, count, places, sts)
		want(g, "outcount", g.getInt(count), 1)
		want(g, "place", g.getInt(places), 0)
		want(g, "source", g.getStatus(sts).source, 1)

		g.send(1, 0, 1)
		g.send(2, 0, 1)
		g.must("MPI_Waitall", 5, list, sts)
		want(g, "empty", g.getStatus(sts), empty)
		want(g, "source", g.getStatus(sts+4*abi.StatusSize).source, 2)
		want(g, "tag", g.getStatus(sts+3*abi.StatusSize).tag, 11)
		want(g, "data", g.getInt(in+12), 200)
	})
}

// MPI 5.0, 3.2.5, 3.7.5: a message that is too long is MPI_ERR_TRUNCATE. A blocking call returns
// it. With several requests it is in the status of the request, those of the others have
// MPI_SUCCESS, and the call returns MPI_ERR_IN_STATUS.
func TestTruncate(t *testing.T) {
	everywhere(t, func(g *guest) {
		g.returning()
		switch g.rank {
		case 0:
			for tag := range 4 {
				g.send(1, tag, 1, 2, 3)
			}
		case 1:
			buf, st := g.ints(9, 9, 9), g.status()
			want(g, "code", g.call("MPI_Recv", buf, 2, abi.Int, 0, 0, abi.CommWorld, st), abi.ErrTruncate)
			want(g, "MPI_ERROR", g.getStatus(st).err, -77)
			want(g, "what is after the buffer", g.getInt(buf+8), 9)
			list, sts := g.ints(g.irecv(buf, 3, 0, 1), g.irecv(buf, 1, 0, 2), g.irecv(buf, 3, 0, 3)), g.alloc(3*abi.StatusSize)
			want(g, "code", g.call("MPI_Waitall", 3, list, sts), abi.ErrInStatus)
			for i, code := range []int32{abi.Success, abi.ErrTruncate, abi.Success} {
				want(g, "MPI_ERROR", g.getStatus(sts+uint32(i*abi.StatusSize)).err, code)
			}
		}
	})
}

// MPI 5.0, 3.7.6: MPI_Request_get_status may be called repeatedly, and the request stays.
func TestRequestGetStatus(t *testing.T) {
	everywhere(t, func(g *guest) {
		if g.rank == 1 {
			g.recv(0, 0)
			g.send(0, 5, 42)
		}
		if g.rank != 0 {
			return
		}
		flag, st, index, places := g.alloc(4), g.status(), g.alloc(4), g.alloc(8)
		list := g.ints(abi.RequestNull, g.irecv(g.alloc(4), 1, 1, 5))
		g.must("MPI_Request_get_status", g.getInt(list+4), flag, st)
		want(g, "flag", g.getInt(flag), 0)
		g.must("MPI_Request_get_status_any", 2, list, index, flag, st)
		want(g, "flag", g.getInt(flag), 0)
		g.must("MPI_Request_get_status_some", 2, list, index, places, abi.StatusesIgnore)
		want(g, "outcount", g.getInt(index), 0)
		g.send(1, 0, 1)
		for g.getInt(flag) == 0 {
			g.must("MPI_Request_get_status", g.getInt(list+4), flag, st)
		}
		want(g, "status", g.getStatus(st), status{1, 5, -77})
		g.must("MPI_Request_get_status_any", 2, list, index, flag, st)
		want(g, "index", g.getInt(index), 1)
		g.must("MPI_Request_get_status_some", 2, list, index, places, abi.StatusesIgnore)
		want(g, "outcount", g.getInt(index), 1)
		want(g, "place", g.getInt(places), 1)
		g.must("MPI_Request_get_status_all", 2, list, flag, abi.StatusesIgnore)
		want(g, "flag", g.getInt(flag), 1)
		g.must("MPI_Wait", list+4, st)
		want(g, "status", g.getStatus(st), status{1, 5, -77})
		g.must("MPI_Request_get_status", abi.RequestNull, flag, st)
		want(g, "status", g.getStatus(st), empty)
	})
}

// MPI 5.0, 3.9: persistent requests can be started again and again; MPI_Startall starts several; an
// active one cannot be started.
func TestPersistent(t *testing.T) {
	everywhere(t, func(g *guest) {
		g.returning()
		next, last := (g.rank+1)%g.size, (g.rank+g.size-1)%g.size
		out, in := g.ints(0), g.ints(0)
		list := g.ints(
			g.out("MPI_Send_init", out, 1, abi.Int, next, 1, abi.CommWorld),
			g.out("MPI_Recv_init", in, 1, abi.Int, last, 1, abi.CommWorld))
		for round := range 5 {
			copy(g.mem[out:out+4], []byte{byte(10*g.rank + round), 0, 0, 0})
			g.must("MPI_Startall", 2, list)
			if round == 0 {
				want(g, "starting an active request", g.call("MPI_Start", list+4), abi.ErrRequest)
			}
			g.must("MPI_Waitall", 2, list, abi.StatusesIgnore)
			want(g, "data", g.getInt(in), int32(10*last+round))
		}
		g.must("MPI_Request_free", list)
		g.must("MPI_Request_free", list+4)
		want(g, "starting a null request", g.call("MPI_Start", list), abi.ErrRequest)
	})
}

// MPI 5.0, 13.2: the program completes a generalized request; its functions are called in the order
// of the standard.
func TestGeneralizedRequest(t *testing.T) {
	job(t, 1, func(g *guest) {
		var calls []string
		query := func(a ...uint64) uint64 {
			calls = append(calls, "query")
			want(g, "extra_state", a[0], 77)
			g.must("MPI_Status_set_elements", uint32(a[1]), abi.Int, 6)
			g.must("MPI_Status_set_cancelled", uint32(a[1]), 1)
			g.must("MPI_Status_set_source", uint32(a[1]), 3)
			return 0
		}
		free := func(a ...uint64) uint64 { calls = append(calls, "free"); return 0 }
		cancel := func(a ...uint64) uint64 {
			calls = append(calls, "cancel")
			want(g, "complete", a[1], 0)
			return 0
		}
		request, flag, st := g.alloc(4), g.alloc(4), g.status()
		g.must("MPI_Grequest_start", query, free, cancel, 77, request)
		g.must("MPI_Test", request, flag, st)
		want(g, "flag", g.getInt(flag), 0)
		g.must("MPI_Cancel", request)
		g.must("MPI_Grequest_complete", g.getInt(request))
		g.must("MPI_Wait", request, st)
		want(g, "count", g.count(st, abi.Int), 6)
		want(g, "cancelled", g.out("MPI_Test_cancelled", st), 1)
		want(g, "source", g.out("MPI_Status_get_source", st), 3)
		want(g, "calls", len(calls), 3)
		for i, name := range []string{"cancel", "query", "free"} {
			want(g, "call", calls[i], name)
		}
		// Freed before it is complete: MPI_Grequest_complete calls its free function.
		g.must("MPI_Grequest_start", query, free, cancel, 77, request)
		handle := g.getInt(request)
		g.must("MPI_Request_free", request)
		want(g, "calls", len(calls), 3)
		g.must("MPI_Grequest_complete", handle)
		want(g, "calls", len(calls), 4)
	})
}

// A callback may complete another request of the list that is being processed, and reuse its
// handle. The new request must not be touched.
func TestCallbackCompletes(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		in, request := g.alloc(8), g.alloc(4)
		list := g.ints(abi.RequestNull, abi.RequestNull)
		query := func(...uint64) uint64 {
			copy(g.mem[request:request+4], g.mem[list+4:list+8])
			g.must("MPI_Wait", request, abi.StatusIgnore)
			g.must("MPI_Irecv", in+4, 1, abi.Int, 0, 2, abi.CommWorld, request)
			return 0
		}
		free := func(...uint64) uint64 { return 0 }
		g.must("MPI_Grequest_start", query, free, free, 0, list)
		g.must("MPI_Irecv", in, 1, abi.Int, 0, 1, abi.CommWorld, list+4)
		g.send(0, 1, 5)
		g.must("MPI_Grequest_complete", g.getInt(list))
		want(g, "code", g.call("MPI_Waitall", 2, list, abi.StatusesIgnore), abi.ErrInStatus)
		g.send(0, 2, 6)
		g.must("MPI_Wait", request, abi.StatusIgnore)
		want(g, "data", g.getInt(in), 5)
		want(g, "data", g.getInt(in+4), 6)
	})
}

// The host's memory for partitions counts against the rank's quota.
func TestPartitionsAreCharged(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		r := g.alloc(4)
		for range 10 {
			g.must("MPI_Psend_init_c", 0, 1<<24, int64(0), abi.Int, 0, 1, abi.CommWorld, abi.InfoNull, r)
			g.must("MPI_Request_free", r)
		}
		code := int32(abi.Success)
		for i := 0; i < 1000 && code == abi.Success; i++ {
			code = g.call("MPI_Psend_init_c", 0, 1<<24, int64(0), abi.Int, 0, 1, abi.CommWorld, abi.InfoNull, r)
		}
		want(g, "code", code, abi.ErrNoMem)
	})
}

// MPI 5.0, 3.7.3: an operation whose request is freed continues. Its memory is charged until it
// ends.
func TestFreedRequestIsCharged(t *testing.T) {
	for _, err := range jobErrs(t, []int{0}, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		r, before := g.alloc(4), g.p.handles.held
		g.must("MPI_Psend_init_c", 0, 1<<20, int64(0), abi.Int, 0, 1, abi.CommWorld, abi.InfoNull, r)
		g.must("MPI_Start", r)
		g.must("MPI_Request_free", r)
		if kept := g.p.handles.held - before; kept < 1<<20/8 {
			g.Errorf("what is known of 1<<20 partitions is charged as %d bytes", kept)
		}
	}) {
		if err != nil {
			t.Error(err)
		}
	}
}

// MPI 5.0, 4.2.2: each partition is marked ready only once, so a list of them has a bounded length.
func TestReadyList(t *testing.T) {
	job(t, 2, func(g *guest) {
		g.returning()
		buf, r := g.ints(1, 2), g.alloc(4)
		if g.rank == 1 {
			g.must("MPI_Precv_init", buf, 2, int64(1), abi.Int, 0, 1, abi.CommWorld, abi.InfoNull, r)
			g.must("MPI_Start", r)
		} else {
			g.must("MPI_Psend_init", buf, 2, int64(1), abi.Int, 1, 1, abi.CommWorld, abi.InfoNull, r)
			g.must("MPI_Start", r)
			g.want(abi.ErrArg, "MPI_Pready_list", 3, g.ints(0, 1, 1), g.getInt(r))
			g.must("MPI_Pready_list", 2, g.ints(1, 0), g.getInt(r))
		}
		g.must("MPI_Wait", r, abi.StatusIgnore)
		g.must("MPI_Request_free", r)
	})
}
