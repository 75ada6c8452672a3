package process

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 3.10: nothing is sent to nobody. The datatype may be null then, as for MPICH.
func TestNullDatatypeToNobody(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		none := []any{0, 0, abi.DatatypeNull, abi.ProcNull, 1}
		for _, name := range []string{"MPI_Send", "MPI_Ssend", "MPI_Bsend", "MPI_Rsend"} {
			g.must(name, append(none, abi.CommWorld)...)
		}
		st := g.status()
		g.must("MPI_Recv", append(none, abi.CommWorld, st)...)
		want(g, "source", g.getStatus(st).source, abi.ProcNull)
		for _, name := range []string{"MPI_Isend", "MPI_Irecv", "MPI_Send_init", "MPI_Recv_init"} {
			r := g.ints(g.out(name, append(none, abi.CommWorld)...))
			g.must("MPI_Wait", r, abi.StatusIgnore)
			if g.getInt(r) != abi.RequestNull {
				g.must("MPI_Request_free", r)
			}
		}
		g.must("MPI_Sendrecv", append(append(none, none...), abi.CommWorld, st)...)
		g.must("MPI_Sendrecv_replace", 0, 0, abi.DatatypeNull, abi.ProcNull, 1, abi.ProcNull, 1, abi.CommWorld, st)
		g.must("MPI_Mrecv", 0, 0, abi.DatatypeNull, g.ints(abi.MessageNoProc), st)
		for _, name := range []string{"MPI_Psend_init", "MPI_Precv_init"} {
			r := g.alloc(4)
			g.must(name, 0, 2, int64(0), abi.DatatypeNull, abi.ProcNull, 1, abi.CommWorld, abi.InfoNull, r)
			g.must("MPI_Request_free", r)
		}
		want(g, "one element", g.call("MPI_Send", 0, 1, abi.DatatypeNull, abi.ProcNull, 1, abi.CommWorld), abi.ErrType)
		want(g, "to somebody", g.call("MPI_Send", 0, 0, abi.DatatypeNull, 0, 1, abi.CommWorld), abi.ErrType)
	})
}

// MPI 5.0, 13.3: a status holds the largest MPI_Count, of every datatype that it can be a number
// of bytes for.
func TestLargestCounts(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		st, out := g.status(), g.alloc(8)
		triple := g.out("MPI_Type_contiguous", 3, abi.Byte)
		mixed := g.alloc(4)
		g.must("MPI_Type_create_struct", 2, g.ints(1, 1), g.ints(0, 4), g.ints(abi.Int, abi.Char), mixed)
		for _, c := range []struct {
			t int32
			n int64
		}{
			{abi.Byte, 1 << 61}, {abi.Byte, math.MaxInt64}, {triple, math.MaxInt64}, {abi.Double, math.MaxInt64 / 8}, {g.getInt(mixed), 1<<61 + 1},
		} {
			g.must("MPI_Status_set_elements_x", st, c.t, c.n)
			g.must("MPI_Get_elements_x", st, c.t, out)
			want(g, "elements", int64(binary.LittleEndian.Uint64(g.mem[out:])), c.n)
		}
		want(g, "too many", g.call("MPI_Status_set_elements_x", st, abi.Double, int64(math.MaxInt64/8+1)), abi.ErrCount)
		want(g, "too many", g.call("MPI_Status_set_elements_x", st, g.getInt(mixed), int64(math.MaxInt64/2)), abi.ErrCount)
	})
}

// MPI 1.3, 3.12.3: markers of bounds, which MPI 3.0 removed.
func TestBoundMarkers(t *testing.T) {
	job(t, 1, func(g *guest) {
		bounds := func(handle int32) [3]int32 {
			return [3]int32{g.out("MPI_Type_lb", handle), g.out("MPI_Type_ub", handle), g.out("MPI_Type_extent", handle)}
		}
		made := func(displs []int32, types ...int32) int32 {
			lengths := make([]int32, len(types))
			for i := range lengths {
				lengths[i] = 1
			}
			return g.out("MPI_Type_struct", len(types), g.ints(lengths...), g.ints(displs...), g.ints(types...))
		}
		want(g, "MPI_UB", bounds(made([]int32{0, 16}, abi.Int, abi.Ub)), [3]int32{0, 16, 16})
		want(g, "MPI_LB", bounds(made([]int32{0, -4}, abi.Int, abi.Lb)), [3]int32{-4, 4, 8})
		// MPI 1.3, 3.12.3: two of the standard's examples
		type1 := made([]int32{-3, 0, 6}, abi.Lb, abi.Int, abi.Ub)
		want(g, "both", bounds(type1), [3]int32{-3, 6, 9})
		want(g, "of two", bounds(g.out("MPI_Type_contiguous", 2, type1)), [3]int32{-3, 15, 18})
		want(g, "a marker outside counts with those inside", bounds(made([]int32{0, 7}, type1, abi.Ub)), [3]int32{-3, 7, 10})
		want(g, "markers alone", bounds(made([]int32{2, 5}, abi.Lb, abi.Ub)), [3]int32{2, 5, 3})
		want(g, "size", g.out("MPI_Type_size", type1), 4)
		name, n := g.alloc(abi.MaxObjectName), g.alloc(4)
		g.must("MPI_Type_get_name", abi.Ub, name, n)
		want(g, "name", g.getString(name), "MPI_UB")
	})
}

// MPI 5.0, 5.1: the extent of a type within another is that of its typemap, rounded up for its
// alignment. That of a vector of vectors is what Open MPI computes.
func TestExtentOfNestedVectors(t *testing.T) {
	job(t, 1, func(g *guest) {
		inner := g.out("MPI_Type_create_hvector", 2, 1, 5, abi.Short)
		lb, extent := g.alloc(4), g.alloc(4)
		for _, c := range []struct {
			name string
			t    int32
			want int32
		}{
			{"inner", inner, 8},
			{"hvector", g.out("MPI_Type_create_hvector", 2, 1, 9, inner), 18},
			{"wide", g.out("MPI_Type_create_hvector", 2, 1, 37, inner), 46},
			{"contiguous", g.out("MPI_Type_contiguous", 2, g.out("MPI_Type_create_hvector", 2, 1, 9, inner)), 36},
			{"back", g.out("MPI_Type_create_hvector", 3, 1, -9, inner), 26},
		} {
			g.must("MPI_Type_get_extent", c.t, lb, extent)
			want(g, c.name, g.getInt(extent), c.want)
		}
	})
}

// MPI 5.0, 7.4.2: MPI_COMM_TYPE_RESOURCE_GUIDED takes the name of a process set, or a type of
// hardware resources, as 9.1.2 lists them.
func TestGuidedSplit(t *testing.T) {
	jobOn(t, []int{0, 0, 1}, func(g *guest) {
		split := func(kind int, key, value string) []int32 {
			info := g.out("MPI_Info_create")
			g.must("MPI_Info_set", info, g.str(key), g.str(value))
			comm := g.out("MPI_Comm_split_type", abi.CommWorld, kind, 0, info)
			if comm == abi.CommNull {
				return nil
			}
			return []int32{g.out("MPI_Comm_rank", comm), g.out("MPI_Comm_size", comm)}
		}
		same := func(what string, got []int32, rank, size int32) {
			if len(got) != 2 || got[0] != rank || got[1] != size {
				t.Errorf("%s at rank %d: %v", what, g.rank, got)
			}
		}
		node := [][2]int32{{0, 2}, {1, 2}, {0, 1}}[g.rank]
		same("world", split(abi.CommTypeResourceGuided, "mpi_pset_name", "mpi://WORLD"), int32(g.rank), 3)
		same("self", split(abi.CommTypeResourceGuided, "mpi_pset_name", "mpi://SELF"), 0, 1)
		same("node", split(abi.CommTypeResourceGuided, "mpi_hw_resource_type", "mpi_shared_memory"), node[0], node[1])
		for _, got := range [][]int32{
			split(abi.CommTypeResourceGuided, "mpi_pset_name", "mpi://nobody"),
			// the key is not for this type
			split(abi.CommTypeHwGuided, "mpi_pset_name", "mpi://WORLD"),
			split(abi.CommTypeResourceGuided, "mpi_hw_resource_type", "none"),
		} {
			if got != nil {
				t.Errorf("rank %d got %v", g.rank, got)
			}
		}
		info, value, flag := g.out("MPI_Get_hw_resource_info"), g.alloc(16), g.alloc(4)
		g.must("MPI_Info_get", info, g.str("mpi_shared_memory"), 15, value, flag)
		want(g, "known", g.getInt(flag), 1)
		want(g, "value", g.getString(value), "true")
	})
}

// MPI 5.0, 13.2: the code that a callback of a generalized request returns is that of the function
// which called it; of query and free function it is the latter's. Where there are several requests
// it is in the status of each, and the function returns MPI_ERR_IN_STATUS.
func TestCodesOfCallbacks(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		callback := func(code int32) func(...uint64) uint64 {
			return func(...uint64) uint64 { return uint64(uint32(code)) }
		}
		start := func(query, free, cancel int32) uint32 {
			r := g.alloc(4)
			g.must("MPI_Grequest_start", callback(query), callback(free), callback(cancel), 0, r)
			return r
		}
		complete := func(query, free int32) uint32 {
			r := start(query, free, 0)
			g.must("MPI_Grequest_complete", g.getInt(r))
			return r
		}
		flag, index, places, sts := g.alloc(4), g.alloc(4), g.alloc(8), g.alloc(2*abi.StatusSize)
		for _, c := range []struct{ query, free, code int32 }{
			{0, 0, 0}, {abi.ErrTag, 0, abi.ErrTag}, {0, abi.ErrRank, abi.ErrRank}, {abi.ErrTag, abi.ErrRank, abi.ErrRank},
		} {
			want(g, "MPI_Wait", g.call("MPI_Wait", complete(c.query, c.free), abi.StatusIgnore), c.code)
			want(g, "MPI_Test", g.call("MPI_Test", complete(c.query, c.free), flag, abi.StatusIgnore), c.code)
			want(g, "MPI_Waitany", g.call("MPI_Waitany", 1, complete(c.query, c.free), index, abi.StatusIgnore), c.code)
			want(g, "MPI_Testany", g.call("MPI_Testany", 1, complete(c.query, c.free), index, flag, abi.StatusIgnore), c.code)
			several := int32(abi.Success)
			if c.code != 0 {
				several = abi.ErrInStatus
			}
			two := func() uint32 {
				return g.ints(g.getInt(complete(0, 0)), g.getInt(complete(c.query, c.free)))
			}
			for name, call := range map[string]func(list uint32) int32{
				"MPI_Waitall":  func(list uint32) int32 { return g.call("MPI_Waitall", 2, list, sts) },
				"MPI_Testall":  func(list uint32) int32 { return g.call("MPI_Testall", 2, list, flag, sts) },
				"MPI_Waitsome": func(list uint32) int32 { return g.call("MPI_Waitsome", 2, list, index, places, sts) },
				"MPI_Testsome": func(list uint32) int32 { return g.call("MPI_Testsome", 2, list, index, places, sts) },
			} {
				list := two()
				want(g, name, call(list), several)
				want(g, "freed", g.getInt(list+4), abi.RequestNull)
				if several != 0 {
					want(g, "the first status of "+name, g.getStatus(sts).err, abi.Success)
					want(g, "the second status of "+name, g.getStatus(sts+abi.StatusSize).err, c.code)
				}
			}
			want(g, "MPI_Request_free", g.call("MPI_Request_free", complete(c.query, c.free)), c.free)
			// freed before it is complete: MPI_Grequest_complete calls the free function
			r := start(c.query, c.free, 0)
			handle := g.getInt(r)
			g.must("MPI_Request_free", r)
			want(g, "MPI_Grequest_complete", g.call("MPI_Grequest_complete", handle), c.free)

			want(g, "MPI_Cancel", g.call("MPI_Cancel", start(0, 0, c.query)), c.query)
			// 3.7.6: these call the query function alone
			one := complete(c.query, c.free)
			list := g.ints(abi.RequestNull, g.getInt(one))
			inStatus := int32(abi.Success)
			if c.query != 0 {
				inStatus = abi.ErrInStatus
			}
			want(g, "MPI_Request_get_status", g.call("MPI_Request_get_status", g.getInt(one), flag, abi.StatusIgnore), c.query)
			want(g, "MPI_Request_get_status_any", g.call("MPI_Request_get_status_any", 2, list, index, flag, abi.StatusIgnore), c.query)
			want(g, "MPI_Request_get_status_all", g.call("MPI_Request_get_status_all", 2, list, flag, sts), inStatus)
			want(g, "MPI_Request_get_status_some", g.call("MPI_Request_get_status_some", 2, list, index, places, sts), inStatus)
		}
	})
}

// MPI 5.0, 4.2.3: MPI_Parrived of a null request is true, as of one that is complete.
func TestArrivedOfNull(t *testing.T) {
	job(t, 1, func(g *guest) {
		want(g, "flag", g.out("MPI_Parrived", abi.RequestNull, 3), 1)
	})
}
