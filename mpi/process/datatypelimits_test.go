package process

import (
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// MPI 5.0, 5.1.9: a pending receive continues with a type that was freed.
func TestFreedTypeInUse(t *testing.T) {
	jobOn(t, []int{0, 1}, func(g *guest) {
		if g.rank == 0 {
			g.must("MPI_Recv", 0, 0, abi.Int, 1, 6, abi.CommWorld, abi.StatusIgnore)
			g.must("MPI_Send", g.ints(1, 2, 3), 3, abi.Int, 1, 5, abi.CommWorld)
			return
		}
		column := g.ints(g.typed("MPI_Type_vector", 3, 1, 2, abi.Int))
		buf, request := g.ints(0, 0, 0, 0, 0, 0), g.alloc(4)
		g.must("MPI_Irecv", buf, 1, g.getInt(column), 0, 5, abi.CommWorld, request)
		g.must("MPI_Type_free", column)
		g.must("MPI_Send", 0, 0, abi.Int, 0, 6, abi.CommWorld)
		g.must("MPI_Wait", request, abi.StatusIgnore)
		equal(g, "received", g.getInts(buf, 6), 1, 0, 2, 0, 3, 0)
	})
}

// MPI 5.0, 5.1.9: communication needs a committed type. 7.8: names.
func TestTypeErrors(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		at := g.alloc(4)
		vector := g.out("MPI_Type_vector", 2, 1, 3, abi.Int)
		g.want(abi.ErrType, "MPI_Send", g.alloc(32), 1, vector, 0, 0, abi.CommWorld)
		g.want(abi.ErrType, "MPI_Type_contiguous", 1, 12345, at)
		g.want(abi.ErrType, "MPI_Type_contiguous", 1, abi.DatatypeNull, at)
		g.want(abi.ErrCount, "MPI_Type_contiguous", -1, abi.Int, at)
		g.want(abi.ErrCount, "MPI_Type_indexed", 1, g.ints(-1), g.ints(0), abi.Int, at)
		g.want(abi.ErrArg, "MPI_Type_contiguous", 1, abi.Int, -4)
		g.want(abi.ErrArg, "MPI_Type_create_subarray", 1, g.ints(4), g.ints(3), g.ints(2), abi.OrderC, abi.Int, at)
		g.want(abi.ErrArg, "MPI_Type_create_subarray", 1, g.ints(4), g.ints(2), g.ints(0), 99, abi.Int, at)
		g.want(abi.ErrArg, "MPI_Type_create_darray", 4, 4, 1, g.ints(4), g.ints(abi.DistributeBlock), g.ints(4), g.ints(4), abi.OrderC, abi.Int, at)
		// lists that end beyond the memory
		g.want(abi.ErrArg, "MPI_Type_indexed", 1<<18, at, at, abi.Int, at)
		g.want(abi.ErrNoMem, "MPI_Type_indexed", 1<<30, at, at, abi.Int, at)
		g.want(abi.ErrBuffer, "MPI_Send", g.alloc(8), 1<<30, abi.Int, 0, 0, abi.CommWorld)

		// Counts that would overflow when nested.
		huge := int32(abi.Double)
		for range 10 {
			var code int32
			if code = g.call("MPI_Type_vector", 1<<9, 1<<5, 1<<6, huge, at); code != abi.Success {
				g.check("the error of a type that is too large", code, abi.ErrArg)
				break
			}
			huge = g.getInt(at)
		}
		g.check("the last type that was made has to be too large for an int", g.out("MPI_Type_size", huge), abi.Undefined)

		name := g.alloc(abi.MaxObjectName)
		g.must("MPI_Type_set_name", vector, g.str("column"))
		g.must("MPI_Type_get_name", vector, name, at)
		if got := g.getString(name); got != "column" || g.getInt(at) != 6 {
			g.Errorf("name %q, of length %d", got, g.getInt(at))
		}
		g.check("a handle as an int", int32(g.raw("MPI_Type_fromint", g.call("MPI_Type_toint", vector))), vector)
	})
}

// A program can make and free large types without end. One that keeps them gets an error at some
// point, and can go on after it has freed some.
func TestTypesAreBounded(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		const n = 1 << 17
		lengths, disps := make([]int32, n), make([]int32, n)
		for i := range lengths {
			lengths[i], disps[i] = int32(i%3+1), int32(5*i)
		}
		a, b, at := g.ints(lengths...), g.ints(disps...), g.alloc(4)
		big := func() int32 { return g.call("MPI_Type_indexed", n, a, b, abi.Int, at) }

		var kept []int32
		for big() == abi.Success {
			if kept = append(kept, g.getInt(at)); len(kept) > 1000 {
				g.Fatal("no end of types")
			}
		}
		g.must("MPI_Type_free", at)
		g.check("a type after another was freed", big(), abi.Success)
		g.check("one too many", big(), abi.ErrNoMem)

		// With a pending request, which may use a freed type, the host has to find out.
		kept[len(kept)-1] = g.getInt(at)
		request, buf := g.alloc(4), g.alloc(64)
		g.must("MPI_Irecv", buf, 4, abi.Int, 0, 0, abi.CommWorld, request)
		for _, handle := range kept {
			g.must("MPI_Type_free", g.ints(handle))
		}
		for range len(kept) {
			g.must("MPI_Type_indexed", n, a, b, abi.Int, at)
			g.must("MPI_Type_free", at)
		}
		g.must("MPI_Send", buf, 4, abi.Int, 0, 0, abi.CommWorld)
		g.must("MPI_Wait", request, abi.StatusIgnore)
		g.must("MPI_Type_contiguous", 2, abi.Int, at)
		held := g.p.handles.held
		g.must("MPI_Type_free", at)
		g.must("MPI_Type_contiguous", 2, abi.Int, at)
		if g.p.handles.held > held {
			g.Errorf("%d bytes held after %d", g.p.handles.held, held)
		}
	})
}

// Types nested in types are an error at some depth, and never a crash.
func TestTypesInTypes(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		at := g.ints(abi.Int)
		code := int32(abi.Success)
		for i := 0; code == abi.Success; i++ {
			if i > 10000 {
				g.Fatal("no end of types in types")
			}
			old := g.getInt(at)
			code = g.call("MPI_Type_dup", old, at)
			if old != abi.Int && code == abi.Success {
				g.must("MPI_Type_free", g.ints(old))
			}
		}
		g.check("the error", code, abi.ErrNoMem)
		g.check("size", g.out("MPI_Type_size", g.getInt(at)), 4)
	})
}
