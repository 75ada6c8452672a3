package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 3.10: communication with MPI_PROC_NULL succeeds at once and has no effect.
func TestProcNull(t *testing.T) {
	job(t, 1, func(g *guest) {
		buf, st, request, flag := g.ints(5), g.status(), g.alloc(4), g.alloc(4)
		nobody := status{abi.ProcNull, abi.AnyTag, -77}
		for _, send := range []string{"MPI_Send", "MPI_Ssend", "MPI_Rsend", "MPI_Bsend"} {
			g.must(send, buf, 1, abi.Int, abi.ProcNull, 1, abi.CommWorld)
		}
		for _, send := range []string{"MPI_Isend", "MPI_Issend", "MPI_Irsend", "MPI_Ibsend"} {
			g.must(send, buf, 1, abi.Int, abi.ProcNull, 1, abi.CommWorld, request)
			g.must("MPI_Wait", request, abi.StatusIgnore)
		}
		g.must("MPI_Recv", buf, 1, abi.Int, abi.ProcNull, 1, abi.CommWorld, st)
		want(g, "status", g.getStatus(st), nobody)
		want(g, "count", g.count(st, abi.Int), 0)
		g.must("MPI_Sendrecv", buf, 1, abi.Int, abi.ProcNull, 1, buf, 1, abi.Int, abi.ProcNull, 1, abi.CommWorld, st)
		g.must("MPI_Sendrecv_replace", buf, 1, abi.Int, abi.ProcNull, 1, abi.ProcNull, 1, abi.CommWorld, st)
		g.must("MPI_Probe", abi.ProcNull, 1, abi.CommWorld, st)
		want(g, "status", g.getStatus(st), nobody)
		g.must("MPI_Iprobe", abi.ProcNull, 1, abi.CommWorld, flag, st)
		want(g, "flag", g.getInt(flag), 1)
		g.must("MPI_Mprobe", abi.ProcNull, 1, abi.CommWorld, request, st)
		want(g, "message", g.getInt(request), abi.MessageNoProc)
		g.must("MPI_Mrecv", buf, 1, abi.Int, request, st)
		want(g, "message", g.getInt(request), abi.MessageNull)
		want(g, "status", g.getStatus(st), nobody)
		want(g, "data", g.getInt(buf), 5)
	})
}

// MPI 5.0, 3.8.1, 3.8.2: probes report a message before it is received; MPI_Mrecv receives a
// matched one.
func TestProbes(t *testing.T) {
	everywhere(t, func(g *guest) {
		if g.rank == 1 {
			g.send(0, 7, 1, 2, 3)
			g.send(0, 8, 4, 5)
			g.send(0, 9, 6)
		}
		if g.rank != 0 {
			return
		}
		st, flag, message, request := g.status(), g.alloc(4), g.alloc(4), g.alloc(4)
		g.must("MPI_Iprobe", 2, abi.AnyTag, abi.CommWorld, flag, st)
		want(g, "flag", g.getInt(flag), 0)
		g.must("MPI_Probe", abi.AnySource, abi.AnyTag, abi.CommWorld, st)
		want(g, "status", g.getStatus(st), status{1, 7, -77})
		want(g, "count", g.count(st, abi.Int), 3)
		g.must("MPI_Mprobe", 1, 8, abi.CommWorld, message, st)
		want(g, "count", g.count(st, abi.Int), 2)
		for g.getInt(flag) == 0 {
			g.must("MPI_Improbe", 1, 9, abi.CommWorld, flag, request, st)
		}
		buf, second := g.alloc(16), request
		request = g.alloc(4)
		g.must("MPI_Imrecv", buf, 1, abi.Int, second, request)
		want(g, "message", g.getInt(second), abi.MessageNull)
		g.must("MPI_Wait", request, st)
		want(g, "data", g.getInt(buf), 6)
		g.must("MPI_Mrecv", buf, 2, abi.Int, message, st)
		want(g, "data", g.getInt(buf+4), 5)
		want(g, "message", g.getInt(message), abi.MessageNull)
		want(g, "data", func() int32 { g.must("MPI_Recv", buf, 3, abi.Int, 1, 7, abi.CommWorld, st); return g.getInt(buf + 8) }(), 3)
	})
}

// MPI 5.0, 3.11: send-receive cannot deadlock; with _replace the received data replaces what was
// sent.
func TestSendrecv(t *testing.T) {
	everywhere(t, func(g *guest) {
		next, last := (g.rank+1)%g.size, (g.rank+g.size-1)%g.size
		for _, n := range []int{1, 50_000} {
			fill := func(v int32) uint32 {
				list := make([]int32, n)
				for i := range list {
					list[i] = v
				}
				return g.ints(list...)
			}
			out, in, st, request := fill(int32(g.rank)), g.alloc(4*n), g.status(), g.alloc(4)
			g.must("MPI_Sendrecv", out, n, abi.Int, next, 1, in, n, abi.Int, last, 1, abi.CommWorld, st)
			want(g, "status", g.getStatus(st), status{int32(last), 1, -77})
			want(g, "data", g.getInt(in+uint32(4*n-4)), int32(last))
			g.must("MPI_Isendrecv", out, n, abi.Int, next, 2, in, n, abi.Int, last, 2, abi.CommWorld, request)
			g.must("MPI_Wait", request, st)
			want(g, "count", g.count(st, abi.Int), int32(n))
			g.must("MPI_Sendrecv_replace", out, n, abi.Int, next, 3, last, 3, abi.CommWorld, st)
			want(g, "data", g.getInt(out+uint32(4*n-4)), int32(last))
			g.must("MPI_Isendrecv_replace", out, n, abi.Int, last, 4, next, 4, abi.CommWorld, request)
			g.must("MPI_Wait", request, st)
			want(g, "data", g.getInt(out), int32(g.rank))
		}
	})
}

// MPI 5.0, 3.6: a buffered send needs an attached buffer with room for it and MPI_BSEND_OVERHEAD,
// and completes at once. Detaching waits until all messages are sent.
func TestBufferedSend(t *testing.T) {
	everywhere(t, func(g *guest) {
		g.returning()
		const n, count = 30_000, 3
		if g.rank == 1 {
			g.recv(0, 99)
			buf := g.alloc(4 * n)
			for i := range count {
				g.must("MPI_Recv", buf, n, abi.Int, 0, 1, abi.CommWorld, abi.StatusIgnore)
				want(g, "data", g.getInt(buf+4*n-4), int32(i))
			}
			want(g, "data", g.recv(0, 2), 5)
			want(g, "data", g.recv(0, 3), 6)
		}
		if g.rank != 0 {
			return
		}
		data := g.alloc(4 * n)
		want(g, "a send without a buffer", g.call("MPI_Bsend", data, n, abi.Int, 1, 1, abi.CommWorld), abi.ErrBuffer)
		size := count * (4*n + abi.BsendOverhead)
		space := g.alloc(size)
		g.must("MPI_Buffer_attach", space, size)
		want(g, "a second buffer", g.call("MPI_Buffer_attach", space, size), abi.ErrBuffer)
		for i := range count {
			g.mem[data+4*n-4] = byte(i)
			g.must("MPI_Bsend", data, n, abi.Int, 1, 1, abi.CommWorld)
		}
		want(g, "a send without room", g.call("MPI_Bsend", data, n, abi.Int, 1, 1, abi.CommWorld), abi.ErrBuffer)
		request := g.out("MPI_Buffer_iflush")
		g.send(1, 99, 1)
		g.must("MPI_Wait", g.ints(request), abi.StatusIgnore)
		addr, length := g.alloc(4), g.alloc(4)
		g.must("MPI_Buffer_detach", addr, length)
		want(g, "address", uint32(g.getInt(addr)), space)
		want(g, "size", g.getInt(length), int32(size))

		g.must("MPI_Comm_attach_buffer", abi.CommWorld, abi.BufferAutomatic, 0)
		g.must("MPI_Bsend", g.ints(5), 1, abi.Int, 1, 2, abi.CommWorld)
		persistent := g.ints(g.out("MPI_Bsend_init", g.ints(6), 1, abi.Int, 1, 3, abi.CommWorld))
		g.must("MPI_Start", persistent)
		g.must("MPI_Wait", persistent, abi.StatusIgnore)
		g.must("MPI_Request_free", persistent)
		g.must("MPI_Comm_flush_buffer", abi.CommWorld)
		g.must("MPI_Comm_detach_buffer", abi.CommWorld, addr, length)
		want(g, "address", g.getInt(addr), abi.BufferAutomatic)
		want(g, "size", g.getInt(length), 0)
	})
}

// MPI 5.0, 3.8.4: the status of a cancelled operation says so.
func TestCancel(t *testing.T) {
	everywhere(t, func(g *guest) {
		if g.rank != 0 {
			return
		}
		st := g.status()
		list := g.ints(g.irecv(g.alloc(4), 1, 1, 5), g.out("MPI_Issend", g.ints(1), 1, abi.Int, 1, 5, abi.CommWorld))
		for i := range uint32(2) {
			g.must("MPI_Cancel", list+4*i)
			g.must("MPI_Wait", list+4*i, st)
			want(g, "cancelled", g.out("MPI_Test_cancelled", st), 1)
		}
	})
}

// MPI 5.0, 3.7.3, 11.2.2: a message whose request was freed arrives, even if the sender has
// finalized.
func TestFreedSend(t *testing.T) {
	everywhere(t, func(g *guest) {
		const n = 100_000
		switch g.rank {
		case 0:
			request := g.out("MPI_Isend", g.ints(make([]int32, n)...), n, abi.Int, 1, 1, abi.CommWorld)
			g.must("MPI_Request_free", g.ints(request))
			g.send(1, 2, 1)
		case 1:
			g.recv(0, 2)
			st := g.status()
			g.must("MPI_Recv", g.alloc(4*n), n, abi.Int, 0, 1, abi.CommWorld, st)
			want(g, "count", g.count(st, abi.Int), n)
		}
	})
}

// MPI 5.0, chapter 4: the two sides may have different partitions; the message is sent when all of
// the sender's are ready.
func TestPartitioned(t *testing.T) {
	everywhere(t, func(g *guest) {
		g.returning()
		switch g.rank {
		case 0:
			buf := g.ints(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
			r := g.ints(g.out("MPI_Psend_init", buf, 4, 3, abi.Int, 1, 1, abi.CommWorld, abi.InfoNull))
			want(g, "a partition of what is not active", g.call("MPI_Pready", 0, g.getInt(r)), abi.ErrRequest)
			for range 3 {
				g.must("MPI_Start", r)
				g.must("MPI_Pready", 2, g.getInt(r))
				want(g, "a partition twice", g.call("MPI_Pready", 2, g.getInt(r)), abi.ErrArg)
				want(g, "no such partition", g.call("MPI_Pready", 4, g.getInt(r)), abi.ErrArg)
				g.must("MPI_Pready_list", 1, g.ints(3), g.getInt(r))
				g.must("MPI_Pready_range", 0, 1, g.getInt(r))
				g.must("MPI_Wait", r, abi.StatusIgnore)
			}
			g.must("MPI_Request_free", r)
		case 1:
			buf, flag := g.alloc(48), g.alloc(4)
			r := g.ints(g.out("MPI_Precv_init", buf, 2, 6, abi.Int, 0, 1, abi.CommWorld, abi.InfoNull))
			for range 3 {
				clear(g.mem[buf : buf+48])
				g.must("MPI_Start", r)
				for copy(g.mem[flag:flag+4], []byte{0}); g.getInt(flag) == 0; {
					g.must("MPI_Parrived", g.getInt(r), 1, flag)
				}
				st := g.status()
				g.must("MPI_Wait", r, st)
				want(g, "status", g.getStatus(st), status{0, 1, -77})
				want(g, "data", g.getInt(buf+44), 11)
			}
			g.must("MPI_Request_free", r)
		}
	})
}

// MPI 5.0, 9.4: the class of each invalid call.
func TestBadArguments(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		buf, st, request := g.alloc(16), g.status(), g.ints(0x1234567)
		for _, c := range []struct {
			class int32
			name  string
			args  []any
		}{
			{abi.ErrComm, "MPI_Send", []any{buf, 1, abi.Int, 0, 0, abi.CommNull}},
			{abi.ErrRank, "MPI_Send", []any{buf, 1, abi.Int, 1, 0, abi.CommWorld}},
			{abi.ErrRank, "MPI_Send", []any{buf, 1, abi.Int, abi.AnySource, 0, abi.CommWorld}},
			{abi.ErrRank, "MPI_Recv", []any{buf, 1, abi.Int, -9, 0, abi.CommWorld, st}},
			{abi.ErrTag, "MPI_Send", []any{buf, 1, abi.Int, 0, -1, abi.CommWorld}},
			{abi.ErrTag, "MPI_Send", []any{buf, 1, abi.Int, 0, abi.AnyTag, abi.CommWorld}},
			{abi.ErrTag, "MPI_Recv", []any{buf, 1, abi.Int, 0, -5, abi.CommWorld, st}},
			{abi.ErrCount, "MPI_Send", []any{buf, -1, abi.Int, 0, 0, abi.CommWorld}},
			{abi.ErrType, "MPI_Send", []any{buf, 1, abi.DatatypeNull, 0, 0, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Send", []any{-8, 4, abi.Int, 0, 0, abi.CommWorld}},
			{abi.ErrBuffer, "MPI_Recv_c", []any{buf, int64(1) << 60, abi.Int, 0, 0, abi.CommWorld, st}},
			{abi.ErrArg, "MPI_Recv", []any{buf, 1, abi.Int, 0, 0, abi.CommWorld, -4}},
			{abi.ErrArg, "MPI_Isend", []any{buf, 1, abi.Int, 0, 0, abi.CommWorld, -1}},
			{abi.ErrRequest, "MPI_Wait", []any{request, st}},
			{abi.ErrRequest, "MPI_Waitall", []any{1, request, st}},
			{abi.ErrRequest, "MPI_Cancel", []any{g.ints(abi.RequestNull)}},
			{abi.ErrRequest, "MPI_Grequest_complete", []any{0x1234567}},
			{abi.ErrRequest, "MPI_Mrecv", []any{buf, 1, abi.Int, g.ints(abi.MessageNull), st}},
			{abi.ErrCount, "MPI_Waitall", []any{-1, request, st}},
			{abi.ErrArg, "MPI_Waitall", []any{1 << 19, buf, st}},
			{abi.ErrNoMem, "MPI_Waitall", []any{1 << 30, buf, st}},
			{abi.ErrArg, "MPI_Get_count", []any{0, abi.Int, buf}},
			{abi.ErrBuffer, "MPI_Buffer_attach", []any{buf, -1}},
		} {
			want(g, c.name, g.call(c.name, c.args...), c.class)
		}
	})
}

// MPI 5.0, 3.8.3: a message is received only once, even if the program passes one address for the
// message and the request.
func TestMessageOnce(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		g.send(0, 1, 5)
		at, buf := g.alloc(4), g.alloc(4)
		g.must("MPI_Mprobe", 0, 1, abi.CommWorld, at, abi.StatusIgnore)
		message := g.getInt(at)
		held := g.p.handles.held
		g.must("MPI_Imrecv", buf, 1, abi.Int, at, at)
		want(g, "held", g.p.handles.held, held-smallObject+requestBytes)
		g.want(abi.ErrRequest, "MPI_Mrecv", buf, 1, abi.Int, g.ints(message), abi.StatusIgnore)
		want(g, "data", g.getInt(buf), 5)
	})
}
