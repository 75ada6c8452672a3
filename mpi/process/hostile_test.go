package process

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
)

// Requests of operations that cannot complete are made and freed, without end: what is kept of them
// is charged until it goes.
func TestHostileFreedRequests(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.must("MPI_Comm_set_errhandler", abi.CommWorld, abi.ErrorsReturn)
		g.must("MPI_Comm_set_errhandler", abi.CommSelf, abi.ErrorsReturn)
		const size = 1 << 20 // more than is sent before it is received
		at, request := g.alloc(size), g.alloc(4)
		g.must("MPI_Buffer_attach", abi.BufferAutomatic, 0)
		g.must("MPI_Bsend", at, size, abi.Byte, 0, 1, abi.CommSelf)
		held := g.p.handles.held
		made := int64(0)
		for ; ; made++ {
			if code := g.call("MPI_Buffer_iflush", request); code != abi.Success {
				if code != abi.ErrNoMem {
					t.Errorf("MPI_Buffer_iflush: %s", className(code))
				}
				break
			}
			g.must("MPI_Request_free", request)
			if made > maxHeld/requestBytes {
				t.Error("there is no limit")
				break
			}
		}
		if now := g.p.handles.held; now-held != made*requestBytes || now > maxHeld {
			t.Errorf("%d bytes are charged for %d operations", now-held, made)
		}
		g.must("MPI_Recv", at, size, abi.Byte, 0, 1, abi.CommSelf, abi.StatusIgnore)
		g.must("MPI_Buffer_iflush", request) // now they are done, and freed
		g.must("MPI_Wait", request, abi.StatusIgnore)
		if now := g.p.handles.held; now > held {
			t.Errorf("%d bytes are charged, %d before", now, held)
		}
	})
}

// Messages in a buffer are charged too: the buffer is the program's memory, what the host notes of
// them is not.
func TestHostileBufferedMessages(t *testing.T) {
	job(t, 1, func(g *guest) {
		const size, n = 100_000, 50
		at := g.alloc(size)
		g.must("MPI_Buffer_attach", abi.BufferAutomatic, 0)
		held := g.p.handles.held
		for range n {
			g.must("MPI_Bsend", at, size, abi.Byte, 0, 1, abi.CommSelf)
		}
		if now := g.p.handles.held; now-held != n*(bufferedBytes+blockBytes) {
			t.Errorf("%d bytes are charged for %d messages", now-held, n)
		}
		for range n {
			g.must("MPI_Recv", at, size, abi.Byte, 0, 1, abi.CommSelf, abi.StatusIgnore)
		}
		g.must("MPI_Buffer_flush")
		if now := g.p.handles.held; now != held {
			t.Errorf("%d bytes are charged, %d before", now, held)
		}
	})
}

// MPI_Waitall and its kin of 2^20 entries, of which 40,000 requests that are done make the first,
// and again the last: each entry is looked at a few times, not once for each request.
func TestHostileWaitall(t *testing.T) {
	const done = 40_000
	for _, name := range []string{"MPI_Waitall", "MPI_Testall", "MPI_Waitsome", "MPI_Testsome"} {
		t.Run(name, func(t *testing.T) {
			entries := 1 << 17
			if name == "MPI_Waitall" {
				entries = 1 << 20
			}
			job(t, 1, func(g *guest) {
				list, places := g.alloc(4*entries), g.alloc(4*entries)
				flag := g.alloc(4)
				for i := range uint32(entries) {
					g.putInt(list+4*i, abi.RequestNull)
				}
				for i := range uint32(done) {
					g.must("MPI_Isend", flag, 0, abi.Byte, int(abi.ProcNull), 0, abi.CommSelf, list+4*i)
					for _, at := range []uint32{uint32(entries/2) + i, uint32(entries-done) + i} {
						g.putInt(list+4*at, g.getInt(list+4*i))
					}
				}
				switch name {
				case "MPI_Waitall":
					g.must(name, entries, list, abi.StatusesIgnore)
				case "MPI_Testall":
					g.must(name, entries, list, flag, abi.StatusesIgnore)
				default:
					g.must(name, entries, list, flag, places, abi.StatusesIgnore)
					if n := g.getInt(flag); n != done {
						t.Errorf("%d requests are done, want %d", n, done)
					}
				}
				for i := range uint32(entries) {
					if h := g.getInt(list + 4*i); h != abi.RequestNull {
						t.Fatalf("entry %d is %#x", i, h)
					}
				}
			})
		})
	}
}

func (g *guest) putInt(at uint32, v int32) {
	if err := g.p.writeInt(at, int64(v)); err != nil {
		g.Fatal(err)
	}
}

// A neighbourhood collective on a graph of many edges from a process to itself moves terabytes,
// within one call. The job is ended meanwhile, and so does the call.
func TestHostileNeighborhood(t *testing.T) {
	const edges, block = 60_000, 30 << 20
	over := errors.New("the job is over")
	errs := jobErrs(t, []int{0, 0}, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		if g.rank == 1 {
			g.must("MPI_Recv", 0, 0, abi.Byte, 0, 0, abi.CommWorld, abi.StatusIgnore)
			panic(ended{over})
		}
		list := make([]int32, edges)
		selves, displs := g.ints(list...), g.ints(list...)
		for i := range list {
			list[i] = block
		}
		counts := g.ints(list...)
		send, recv := g.alloc(block), g.alloc(block)
		graph := g.out("MPI_Dist_graph_create_adjacent", abi.CommSelf, edges, selves, abi.Unweighted, edges, selves, abi.Unweighted, abi.InfoNull, 0)
		g.must("MPI_Send", 0, 0, abi.Byte, 1, 0, abi.CommWorld)
		g.must("MPI_Neighbor_alltoallv", send, counts, displs, abi.Byte, recv, counts, displs, abi.Byte, graph)
		t.Error("it moved 1.8 TB")
	})
	if !errors.Is(errs[0], over) {
		t.Errorf("%v", errs[0])
	}
}

// Every call that can take long looks whether the job is over.
func TestHostileLooks(t *testing.T) {
	over := errors.New("the job is over")
	const n = 1 << 20
	list := func(g *guest, v int32) uint32 {
		at := g.alloc(4 * n)
		for i := range uint32(n) {
			g.putInt(at+4*i, v)
		}
		return at
	}
	for name, call := range map[string]func(g *guest) (args []any){
		"MPI_Group_translate_ranks": func(g *guest) []any {
			group := g.out("MPI_Comm_group", abi.CommWorld)
			at := list(g, 0)
			return []any{group, n, at, group, at}
		},
		"MPI_Pack": func(g *guest) []any {
			return []any{g.alloc(2 * n), 1, strided(g, n), g.alloc(n), n, g.ints(0), abi.CommWorld}
		},
		"MPI_Unpack": func(g *guest) []any {
			return []any{g.alloc(n), n, g.ints(0), g.alloc(2 * n), 1, strided(g, n), abi.CommWorld}
		},
		"MPI_Pack_external": func(g *guest) []any {
			return []any{g.str("external32"), g.alloc(2 * n), 1, strided(g, n), g.alloc(n), n, g.ints(0)}
		},
		"MPI_Unpack_external": func(g *guest) []any {
			return []any{g.str("external32"), g.alloc(n), n, g.ints(0), g.alloc(2 * n), 1, strided(g, n)}
		},
		"MPI_Reduce_local": func(g *guest) []any {
			return []any{g.alloc(4 * n), g.alloc(4 * n), n, abi.Int, abi.Sum}
		},
		"MPI_Bsend": func(g *guest) []any {
			g.must("MPI_Buffer_attach", abi.BufferAutomatic, 0)
			return []any{g.alloc(2 * n), 1, strided(g, n), 0, 0, abi.CommWorld}
		},
		"MPI_Startall": func(g *guest) []any {
			at := g.alloc(4)
			g.must("MPI_Send_init", 0, 0, abi.Byte, int(abi.ProcNull), 0, abi.CommWorld, at)
			return []any{1, at}
		},
		"MPI_Pready_range": func(g *guest) []any {
			at := g.alloc(4)
			g.must("MPI_Psend_init", g.alloc(n), n, int64(1), abi.Byte, 0, 0, abi.CommWorld, abi.InfoNull, at)
			g.must("MPI_Start", at)
			return []any{0, n - 1, g.getInt(at)}
		},
		"MPI_Type_indexed": func(g *guest) []any {
			return []any{n, list(g, 1), list(g, 0), abi.Int, g.alloc(4)}
		},
		"MPI_Type_create_struct": func(g *guest) []any {
			return []any{n, list(g, 1), list(g, 0), list(g, abi.Int), g.alloc(4)}
		},
		"MPI_Waitall": func(g *guest) []any { return []any{n, list(g, abi.RequestNull), abi.StatusesIgnore} },
		"MPI_Testany": func(g *guest) []any {
			return []any{n, list(g, abi.RequestNull), g.alloc(4), g.alloc(4), abi.StatusIgnore}
		},
		"MPI_Allreduce": func(g *guest) []any {
			return []any{g.alloc(4 * n), g.alloc(4 * n), n, abi.Int, abi.Sum, abi.CommWorld}
		},
		"MPI_Alltoall": func(g *guest) []any {
			return []any{g.alloc(n), n, abi.Byte, g.alloc(n), n, abi.Byte, abi.CommWorld}
		},
		"MPI_Scan": func(g *guest) []any {
			return []any{g.alloc(4 * n), g.alloc(4 * n), n, abi.Int, abi.Sum, abi.CommWorld}
		},
		"MPI_Gather": func(g *guest) []any {
			return []any{g.alloc(n), n, abi.Byte, g.alloc(n), n, abi.Byte, 0, abi.CommWorld}
		},
		"MPI_Neighbor_allgather": func(g *guest) []any {
			self := g.ints(0)
			graph := g.out("MPI_Dist_graph_create_adjacent", abi.CommSelf, 1, self, abi.Unweighted, 1, self, abi.Unweighted, abi.InfoNull, 0)
			return []any{g.alloc(n), n, abi.Byte, g.alloc(n), n, abi.Byte, graph}
		},
	} {
		t.Run(name, func(t *testing.T) {
			errs := jobErrs(t, []int{0}, func(g *guest) {
				g.must("MPI_Init", 0, 0)
				args := call(g)
				g.p.cfg.World.Abort(over)
				g.call(name, args...)
				t.Error("it went on to its end")
			})
			if !errors.Is(errs[0], over) {
				t.Errorf("%v", errs[0])
			}
		})
	}
}

// strided is a committed type of n bytes, each with one of nothing behind it.
func strided(g *guest, n int) int32 {
	at := g.alloc(4)
	g.must("MPI_Type_vector", n, 1, 2, abi.Byte, at)
	g.must("MPI_Type_commit", at)
	return g.getInt(at)
}

// MPI's clock is no finer than the others that a program has.
func TestHostileClock(t *testing.T) {
	job(t, 1, func(g *guest) {
		if tick := math.Float64frombits(g.raw("MPI_Wtick")); tick != exec.ClockResolution.Seconds() {
			t.Errorf("a tick of %g s", tick)
		}
		for range 1000 {
			micros := math.Float64frombits(g.raw("MPI_Wtime")) * 1e6
			if math.Abs(micros-math.Round(micros)) > 1e-3 {
				t.Fatalf("%g µs", micros)
			}
		}
	})
}

// The host's notes of the guest's own memory are charged: a block of one byte takes more of them.
func TestHostileBlocks(t *testing.T) {
	job(t, 1, func(g *guest) {
		const n = 10_000
		held := g.p.handles.held
		at := g.alloc(4)
		var list []int32
		for range n {
			g.must("MPI_Alloc_mem", 1, abi.InfoNull, at)
			list = append(list, g.getInt(at))
		}
		if now := g.p.handles.held; now-held != n*blockBytes {
			t.Errorf("%d bytes are charged for %d blocks", now-held, n)
		}
		for _, addr := range list {
			g.must("MPI_Free_mem", addr)
		}
		if now := g.p.handles.held; now != held {
			t.Errorf("%d bytes are charged, %d before", now, held)
		}
	})
}

// Error codes and their texts are charged.
func TestHostileErrorCodes(t *testing.T) {
	job(t, 1, func(g *guest) {
		held := g.p.handles.held
		class := g.out("MPI_Add_error_class")
		code := g.out("MPI_Add_error_code", class)
		text := strings.Repeat("x", 500)
		g.must("MPI_Add_error_string", code, g.str(text))
		g.must("MPI_Add_error_string", code, g.str(text))
		if now := g.p.handles.held; now-held != 2*errorCodeBytes+500 {
			t.Errorf("%d bytes are charged", now-held)
		}
		g.must("MPI_Remove_error_string", code)
		g.must("MPI_Add_error_string", code, g.str(text))
		g.must("MPI_Remove_error_code", code)
		g.must("MPI_Remove_error_class", class)
		if now := g.p.handles.held; now != held {
			t.Errorf("%d bytes are charged, %d before", now, held)
		}
	})
}
