package process

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// typed calls a constructor and commits the type.
func (g *guest) typed(name string, args ...any) int32 {
	g.Helper()
	t := g.out(name, args...)
	g.must("MPI_Type_commit", g.ints(t))
	return t
}

// extents returns the two numbers that a function stores.
func (g *guest) extents(name string, datatype int32) [2]int64 {
	g.Helper()
	at := g.alloc(16)
	if name[len(name)-2:] == "_x" || name[len(name)-2:] == "_c" {
		g.must(name, datatype, at, at+8)
		return [2]int64{g.getInt64(at), g.getInt64(at + 8)}
	}
	g.must(name, datatype, at, at+4)
	return [2]int64{int64(g.getInt(at)), int64(g.getInt(at + 4))}
}

func (g *guest) getInt64(addr uint32) int64 { return int64(binary.LittleEndian.Uint64(g.mem[addr:])) }

func (g *guest) int64s(list ...int64) uint32 {
	addr := g.alloc(8 * len(list))
	for i, v := range list {
		binary.LittleEndian.PutUint64(g.mem[int(addr)+8*i:], uint64(v))
	}
	return addr
}

// fill writes 0, 1, 2, … to n ints.
func (g *guest) fill(n int) uint32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(i)
	}
	return g.ints(list...)
}

// packedInts is the result of MPI_Pack for count elements, as ints.
func (g *guest) packedInts(addr uint32, count int, datatype int32) []int32 {
	g.Helper()
	size := int(g.out("MPI_Pack_size", count, datatype, abi.CommWorld))
	out, position := g.alloc(size), g.ints(0)
	g.must("MPI_Pack", addr, count, datatype, out, size, position, abi.CommWorld)
	g.check("position", g.getInt(position), int32(size))
	return g.getInts(out, size/4)
}

func equal[T comparable](g *guest, what string, got []T, want ...T) {
	g.Helper()
	if !slices.Equal(got, want) {
		g.Errorf("%s: %v, want %v", what, got, want)
	}
}

// MPI 5.0, 3.2.2 and 5.1.5: sizes and extents of predefined types, as in C for WebAssembly.
func TestPredefinedTypes(t *testing.T) {
	job(t, 1, func(g *guest) {
		for _, test := range []struct {
			handle       int32
			size, extent int64
			name         string
		}{
			{abi.Char, 1, 1, "MPI_CHAR"}, {abi.Short, 2, 2, "MPI_SHORT"}, {abi.Int, 4, 4, "MPI_INT"}, {abi.Long, 4, 4, "MPI_LONG"},
			{abi.LongLong, 8, 8, "MPI_LONG_LONG"}, {abi.Double, 8, 8, "MPI_DOUBLE"}, {abi.LongDouble, 16, 16, "MPI_LONG_DOUBLE"},
			{abi.Wchar, 4, 4, "MPI_WCHAR"}, {abi.CBool, 1, 1, "MPI_C_BOOL"}, {abi.Aint, 4, 4, "MPI_AINT"}, {abi.Count, 8, 8, "MPI_COUNT"},
			{abi.Offset, 8, 8, "MPI_OFFSET"}, {abi.CLongDoubleComplex, 32, 32, "MPI_C_LONG_DOUBLE_COMPLEX"},
			{abi.FloatInt, 8, 8, "MPI_FLOAT_INT"}, {abi.DoubleInt, 12, 16, "MPI_DOUBLE_INT"}, {abi.LongInt, 8, 8, "MPI_LONG_INT"},
			{abi.TwoInt, 8, 8, "MPI_2INT"}, {abi.ShortInt, 6, 8, "MPI_SHORT_INT"}, {abi.LongDoubleInt, 20, 32, "MPI_LONG_DOUBLE_INT"},
			{abi.TwoDoublePrecision, 16, 16, "MPI_2DOUBLE_PRECISION"}, {abi.Real16, 16, 16, "MPI_REAL16"},
		} {
			g.check(test.name+" size", g.out("MPI_Type_size", test.handle), int32(test.size))
			if got := g.extents("MPI_Type_get_extent", test.handle); got != [2]int64{0, test.extent} {
				g.Errorf("%s: lb and extent %v, want 0 and %d", test.name, got, test.extent)
			}
			at := g.alloc(abi.MaxObjectName + 4)
			g.must("MPI_Type_get_name", test.handle, at+4, at)
			if got := g.getString(at + 4); got != test.name || g.getInt(at) != int32(len(got)) {
				g.Errorf("the name of %s is %q, of length %d", test.name, got, g.getInt(at))
			}
			// 5.1.13: the combiner of a named type; 5.1.9: it needs no commit, and cannot be freed.
			env := g.alloc(16)
			g.must("MPI_Type_get_envelope", test.handle, env, env+4, env+8, env+12)
			equal(g, "envelope", g.getInts(env, 4), 0, 0, 0, abi.CombinerNamed)
			g.must("MPI_Type_commit", g.ints(test.handle))
		}
		g.returning()
		g.want(abi.ErrType, "MPI_Type_free", g.ints(abi.Int))
		g.want(abi.ErrType, "MPI_Type_commit", g.ints(abi.DatatypeNull))
		g.want(abi.ErrType, "MPI_Type_get_contents", abi.Int, 0, 0, 0, 0, 0, 0)
	})
}

// MPI 5.0, 5.1.2: the elements of an array of ints that each constructor selects.
func TestConstructors(t *testing.T) {
	job(t, 1, func(g *guest) {
		array := g.fill(64)
		for _, test := range []struct {
			datatype int32
			want     []int32
		}{
			{g.typed("MPI_Type_contiguous", 3, abi.Int), []int32{0, 1, 2}},
			{g.typed("MPI_Type_contiguous_c", int64(3), abi.Int), []int32{0, 1, 2}},
			{g.typed("MPI_Type_vector", 3, 2, 4, abi.Int), []int32{0, 1, 4, 5, 8, 9}},
			{g.typed("MPI_Type_create_hvector", 3, 1, 12, abi.Int), []int32{0, 3, 6}},
			{g.typed("MPI_Type_create_hvector_c", int64(3), int64(1), int64(12), abi.Int), []int32{0, 3, 6}},
			{g.typed("MPI_Type_hvector", 2, 1, 4, abi.Int), []int32{0, 1}},
			{g.typed("MPI_Type_indexed", 2, g.ints(3, 1), g.ints(4, 0), abi.Int), []int32{4, 5, 6, 0}},
			{g.typed("MPI_Type_indexed_c", int64(2), g.int64s(3, 1), g.int64s(4, 0), abi.Int), []int32{4, 5, 6, 0}},
			{g.typed("MPI_Type_create_hindexed", 2, g.ints(1, 2), g.ints(8, 40), abi.Int), []int32{2, 10, 11}},
			{g.typed("MPI_Type_create_indexed_block", 2, 2, g.ints(7, 3), abi.Int), []int32{7, 8, 3, 4}},
			{g.typed("MPI_Type_create_hindexed_block", 2, 1, g.ints(28, 12), abi.Int), []int32{7, 3}},
			{g.typed("MPI_Type_create_hindexed_block_c", int64(2), int64(1), g.int64s(28, 12), abi.Int), []int32{7, 3}},
			{g.typed("MPI_Type_create_struct", 2, g.ints(1, 2), g.ints(4, 16), g.ints(abi.Int, abi.Float)), []int32{1, 4, 5}},
			{g.typed("MPI_Type_struct", 2, g.ints(1, 2), g.ints(4, 16), g.ints(abi.Int, abi.Float)), []int32{1, 4, 5}},
			{g.typed("MPI_Type_create_subarray", 2, g.ints(4, 5), g.ints(2, 3), g.ints(1, 2), abi.OrderC, abi.Int), []int32{7, 8, 9, 12, 13, 14}},
			{g.typed("MPI_Type_create_subarray", 2, g.ints(4, 5), g.ints(2, 3), g.ints(1, 2), abi.OrderFortran, abi.Int), []int32{9, 10, 13, 14, 17, 18}},
			{
				// The process at (1, 0) of 2 by 2: rows in blocks, columns one by one, cyclically.
				g.typed("MPI_Type_create_darray", 4, 2, 2, g.ints(4, 4), g.ints(abi.DistributeBlock, abi.DistributeCyclic),
					g.ints(abi.DistributeDfltDarg, abi.DistributeDfltDarg), g.ints(2, 2), abi.OrderC, abi.Int),
				[]int32{8, 10, 12, 14},
			},
			{g.typed("MPI_Type_dup", g.typed("MPI_Type_vector", 2, 1, 5, abi.Int)), []int32{0, 5}},
		} {
			equal(g, "packed", g.packedInts(array, 1, test.datatype), test.want...)
			g.check("size", g.out("MPI_Type_size", test.datatype), int32(4*len(test.want)))
			at := g.ints(test.datatype)
			g.must("MPI_Type_free", at)
			g.check("the handle after MPI_Type_free", g.getInt(at), abi.DatatypeNull)
		}
	})
}

// MPI 5.0, 5.1.7 and 5.1.8.
func TestExtents(t *testing.T) {
	job(t, 1, func(g *guest) {
		// Example 5.1: {(double, 0), (char, 8)} has extent 16.
		example := g.out("MPI_Type_create_struct", 2, g.ints(1, 1), g.ints(0, 8), g.ints(abi.Double, abi.Char))
		column := g.out("MPI_Type_vector", 4, 1, 8, abi.Double)
		resized := g.out("MPI_Type_create_resized", column, -8, 24)
		backwards := g.out("MPI_Type_vector", 3, 1, -2, abi.Int)
		huge := g.out("MPI_Type_contiguous", 1<<30, abi.Double)
		for _, test := range []struct {
			datatype          int32
			bounds, trueOnes  [2]int64
			bounds32, trues32 [2]int64
		}{
			{example, [2]int64{0, 16}, [2]int64{0, 9}, [2]int64{0, 16}, [2]int64{0, 9}},
			{column, [2]int64{0, 200}, [2]int64{0, 200}, [2]int64{0, 200}, [2]int64{0, 200}},
			{resized, [2]int64{-8, 24}, [2]int64{0, 200}, [2]int64{-8, 24}, [2]int64{0, 200}},
			{backwards, [2]int64{-16, 20}, [2]int64{-16, 20}, [2]int64{-16, 20}, [2]int64{-16, 20}},
			// A value that does not fit is MPI_UNDEFINED.
			{huge, [2]int64{0, 8 << 30}, [2]int64{0, 8 << 30}, [2]int64{0, abi.Undefined}, [2]int64{0, abi.Undefined}},
		} {
			for name, want := range map[string][2]int64{
				"MPI_Type_get_extent": test.bounds32, "MPI_Type_get_extent_c": test.bounds, "MPI_Type_get_extent_x": test.bounds,
				"MPI_Type_get_true_extent": test.trues32, "MPI_Type_get_true_extent_c": test.trueOnes, "MPI_Type_get_true_extent_x": test.trueOnes,
			} {
				if got := g.extents(name, test.datatype); got != want {
					g.Errorf("%s: %v, want %v", name, got, want)
				}
			}
		}
		g.check("size", g.out("MPI_Type_size", huge), abi.Undefined)
		at := g.alloc(8)
		for _, name := range []string{"MPI_Type_size_c", "MPI_Type_size_x"} {
			if g.must(name, huge, at); g.getInt64(at) != 8<<30 {
				g.Errorf("%s: %d", name, g.getInt64(at))
			}
		}
		g.check("MPI_Type_extent", g.out("MPI_Type_extent", resized), 24)
	})
}

// MPI 5.0, 5.1.13: the arguments of each constructor are returned, in the order of its table.
func TestContents(t *testing.T) {
	job(t, 1, func(g *guest) {
		for _, test := range []struct {
			datatype        int32
			combiner        int32
			ints, addresses []int32
			types           []int32
		}{
			{g.out("MPI_Type_dup", abi.Int), abi.CombinerDup, nil, nil, []int32{abi.Int}},
			{g.out("MPI_Type_contiguous", 3, abi.Int), abi.CombinerContiguous, []int32{3}, nil, []int32{abi.Int}},
			{g.out("MPI_Type_vector", 3, 2, -4, abi.Int), abi.CombinerVector, []int32{3, 2, -4}, nil, []int32{abi.Int}},
			{g.out("MPI_Type_create_hvector", 3, 2, -8, abi.Int), abi.CombinerHvector, []int32{3, 2}, []int32{-8}, []int32{abi.Int}},
			{g.out("MPI_Type_indexed", 2, g.ints(3, 1), g.ints(4, 0), abi.Int), abi.CombinerIndexed, []int32{2, 3, 1, 4, 0}, nil, []int32{abi.Int}},
			{g.out("MPI_Type_create_hindexed", 2, g.ints(3, 0), g.ints(-4, 8), abi.Int), abi.CombinerHindexed, []int32{2, 3, 0}, []int32{-4, 8}, []int32{abi.Int}},
			{g.out("MPI_Type_create_indexed_block", 2, 5, g.ints(4, 0), abi.Int), abi.CombinerIndexedBlock, []int32{2, 5, 4, 0}, nil, []int32{abi.Int}},
			{g.out("MPI_Type_create_hindexed_block", 2, 5, g.ints(4, 0), abi.Int), abi.CombinerHindexedBlock, []int32{2, 5}, []int32{4, 0}, []int32{abi.Int}},
			{
				g.out("MPI_Type_create_struct", 2, g.ints(1, 2), g.ints(-4, 16), g.ints(abi.Int, abi.Float)),
				abi.CombinerStruct, []int32{2, 1, 2}, []int32{-4, 16}, []int32{abi.Int, abi.Float},
			},
			{
				g.out("MPI_Type_create_subarray", 2, g.ints(4, 5), g.ints(2, 3), g.ints(1, 0), abi.OrderC, abi.Int),
				abi.CombinerSubarray, []int32{2, 4, 5, 2, 3, 1, 0, abi.OrderC}, nil, []int32{abi.Int},
			},
			{
				g.out("MPI_Type_create_darray", 2, 1, 1, g.ints(9), g.ints(abi.DistributeCyclic), g.ints(3), g.ints(2), abi.OrderFortran, abi.Int),
				abi.CombinerDarray, []int32{2, 1, 1, 9, abi.DistributeCyclic, 3, 2, abi.OrderFortran}, nil, []int32{abi.Int},
			},
			{g.out("MPI_Type_create_resized", abi.Int, -4, 12), abi.CombinerResized, nil, []int32{-4, 12}, []int32{abi.Int}},
			{g.out("MPI_Type_create_f90_real", 10, abi.Undefined), abi.CombinerF90Real, []int32{10, abi.Undefined}, nil, nil},
			{g.out("MPI_Type_create_f90_complex", 10, 200), abi.CombinerF90Complex, []int32{10, 200}, nil, nil},
			{g.out("MPI_Type_create_f90_integer", 12), abi.CombinerF90Integer, []int32{12}, nil, nil},
			{g.out("MPI_Type_get_value_index", abi.Unsigned, abi.LongLong), abi.CombinerValueIndex, nil, nil, []int32{abi.Unsigned, abi.LongLong}},
		} {
			env, at := g.alloc(16), g.alloc(300)
			g.must("MPI_Type_get_envelope", test.datatype, env, env+4, env+8, env+12)
			ni, na, nt := len(test.ints), len(test.addresses), len(test.types)
			equal(g, "envelope", g.getInts(env, 4), int32(ni), int32(na), int32(nt), test.combiner)
			g.must("MPI_Type_get_contents", test.datatype, ni, na, nt, at, at+100, at+200)
			equal(g, "ints", g.getInts(at, ni), test.ints...)
			equal(g, "addresses", g.getInts(at+100, na), test.addresses...)
			equal(g, "types", g.getInts(at+200, nt), test.types...)
		}
	})
}

// MPI 5.0, 5.1.13: the counts of functions with large counts are in a separate list, which only the
// large functions return.
func TestLargeContents(t *testing.T) {
	job(t, 1, func(g *guest) {
		for _, test := range []struct {
			datatype int32
			ints     []int32
			counts   []int64
		}{
			{g.out("MPI_Type_contiguous_c", int64(3), abi.Int), nil, []int64{3}},
			{g.out("MPI_Type_vector_c", int64(3), int64(1), int64(1<<33), abi.Int), nil, []int64{3, 1, 1 << 33}},
			{g.out("MPI_Type_create_hindexed_c", int64(1), g.int64s(2), g.int64s(-1<<40), abi.Int), nil, []int64{1, 2, -1 << 40}},
			{
				g.out("MPI_Type_create_subarray_c", 1, g.int64s(1<<33), g.int64s(2), g.int64s(3), abi.OrderC, abi.Int),
				[]int32{1, abi.OrderC}, []int64{1 << 33, 2, 3},
			},
			{
				g.out("MPI_Type_create_darray_c", 2, 1, 1, g.int64s(9), g.ints(abi.DistributeCyclic), g.ints(3), g.ints(2), abi.OrderC, abi.Int),
				[]int32{2, 1, 1, abi.DistributeCyclic, 3, 2, abi.OrderC}, []int64{9},
			},
			{g.out("MPI_Type_create_resized_c", abi.Int, int64(-1<<40), int64(1<<41)), nil, []int64{-1 << 40, 1 << 41}},
		} {
			env, at := g.alloc(40), g.alloc(400)
			g.must("MPI_Type_get_envelope_c", test.datatype, env, env+8, env+16, env+24, env+32)
			ni, nc := int64(len(test.ints)), int64(len(test.counts))
			for i, want := range []int64{ni, 0, nc, 1} {
				if got := g.getInt64(env + uint32(8*i)); got != want {
					g.Errorf("envelope: number %d is %d, want %d", i, got, want)
				}
			}
			g.must("MPI_Type_get_contents_c", test.datatype, ni, int64(0), nc, int64(1), at, at, at+100, at+300)
			equal(g, "ints", g.getInts(at, int(ni)), test.ints...)
			for i, want := range test.counts {
				if got := g.getInt64(at + 100 + uint32(8*i)); got != want {
					g.Errorf("count %d is %d, want %d", i, got, want)
				}
			}
			g.check("type", g.getInt(at+300), abi.Int)
			g.returning()
			g.want(abi.ErrType, "MPI_Type_get_envelope", test.datatype, at, at, at, at)
			g.want(abi.ErrType, "MPI_Type_get_contents", test.datatype, 9, 9, 9, at, at, at)
			g.want(abi.ErrArg, "MPI_Type_get_contents_c", test.datatype, ni, int64(0), nc-1, int64(1), at, at, at, at)
		}
	})
}

// MPI 5.0, 5.1.13: derived types are returned as new handles, to be freed; predefined ones with
// their own.
func TestContentsAreTypes(t *testing.T) {
	job(t, 1, func(g *guest) {
		inner := g.out("MPI_Type_vector", 2, 1, 3, abi.Int)
		real := g.out("MPI_Type_create_f90_real", 10, abi.Undefined)
		outer := g.out("MPI_Type_create_struct", 3, g.ints(1, 1, 1), g.ints(0, 64, 128), g.ints(inner, abi.Int, real))
		g.must("MPI_Type_free", g.ints(inner)) // 5.1.9: types made of it are still valid
		at := g.alloc(100)
		g.must("MPI_Type_get_contents", outer, 4, 3, 3, at, at+32, at+64)
		types := g.getInts(at+64, 3)
		equal(g, "predefined types", types[1:], abi.Int, real)
		g.must("MPI_Type_commit", g.ints(types[0]))
		equal(g, "packed", g.packedInts(g.fill(8), 1, types[0]), 0, 3)
		g.must("MPI_Type_free", g.ints(types[0]))
		// 19.1.9: the same arguments give the same type, which cannot be freed.
		g.check("the type of the same precision", g.out("MPI_Type_create_f90_real", 10, abi.Undefined), real)
		g.returning()
		g.want(abi.ErrType, "MPI_Type_free", g.ints(real))
	})
}

// MPI 5.0, 19.1.9.
func TestMatchSize(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.check("integer of 4 bytes", g.out("MPI_Type_match_size", abi.TypeclassInteger, 4), abi.Integer4)
		g.check("real of 8 bytes", g.out("MPI_Type_match_size", abi.TypeclassReal, 8), abi.Real8)
		g.check("complex of 16 bytes", g.out("MPI_Type_match_size", abi.TypeclassComplex, 16), abi.Complex16)
		g.returning()
		g.want(abi.ErrArg, "MPI_Type_match_size", abi.TypeclassReal, 5, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Type_match_size", 7, 4, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Type_create_f90_real", 99, 9, g.alloc(4))
		g.want(abi.ErrArg, "MPI_Type_create_f90_real", abi.Undefined, abi.Undefined, g.alloc(4))
		for _, test := range []struct{ digits, size int32 }{{2, 1}, {4, 2}, {9, 4}, {18, 8}, {38, 16}} {
			g.check("size", g.out("MPI_Type_size", g.out("MPI_Type_create_f90_integer", test.digits)), test.size)
		}
		for _, test := range []struct{ p, r, size int32 }{{6, 37, 4}, {7, 37, 8}, {6, 38, 8}, {15, 307, 8}, {16, 1, 16}} {
			g.check("size", g.out("MPI_Type_size", g.out("MPI_Type_create_f90_real", test.p, test.r)), test.size)
		}
		// 6.9.4
		g.check("double and int", g.out("MPI_Type_get_value_index", abi.Double, abi.Int), abi.DoubleInt)
		pair := g.out("MPI_Type_get_value_index", abi.Short, abi.Count)
		g.check("the same pair", g.out("MPI_Type_get_value_index", abi.Short, abi.Count), pair)
		if got := g.extents("MPI_Type_get_extent", pair); got != [2]int64{0, 16} {
			g.Errorf("a short and an MPI_Count: %v", got)
		}
		g.check("complex numbers have no order", g.out("MPI_Type_get_value_index", abi.CDoubleComplex, abi.Int), abi.DatatypeNull)
	})
}

// MPI 5.0, 5.1.11: the number of elements in a message, the last of which may be incomplete.
func TestGetElements(t *testing.T) {
	job(t, 1, func(g *guest) {
		mixed := g.typed("MPI_Type_create_struct", 2, g.ints(2, 1), g.ints(0, 8), g.ints(abi.Int, abi.Double))
		for _, test := range []struct {
			datatype    int32
			bytes, want int64
		}{
			{mixed, 0, 0}, {mixed, 16, 3}, {mixed, 20, 4}, {mixed, 24, 5}, {mixed, 32, 6}, {mixed, 26, abi.Undefined},
			{abi.Int, 12, 3}, {abi.Int, 13, abi.Undefined}, {abi.DoubleInt, 8, 1}, {abi.DoubleInt, 12, 2}, {abi.CDoubleComplex, 16, 1},
		} {
			status := g.alloc(abi.StatusSize)
			binary.LittleEndian.PutUint64(g.mem[status+abi.StatusBytes:], uint64(test.bytes))
			if got := int64(g.out("MPI_Get_elements", status, test.datatype)); got != test.want {
				g.Errorf("MPI_Get_elements of %d bytes: %d, want %d", test.bytes, got, test.want)
			}
			for _, name := range []string{"MPI_Get_elements_c", "MPI_Get_elements_x"} {
				at := g.alloc(8)
				if g.must(name, status, test.datatype, at); g.getInt64(at) != test.want {
					g.Errorf("%s of %d bytes: %d, want %d", name, test.bytes, g.getInt64(at), test.want)
				}
			}
		}
		// 3.2.5, 5.1.11: the counts of a received message.
		buf := g.ints(1, 2, 3)
		g.must("MPI_Sendrecv", buf, 3, abi.Int, 0, 0, g.alloc(64), 2, mixed, 0, 0, abi.CommWorld, g.ints(0, 0, 0, 0, 0, 0, 0, 0))
	})
}

// MPI 5.0, 5.1.12 and 2.5.6: absolute addresses, from MPI_BOTTOM.
func TestBottom(t *testing.T) {
	job(t, 1, func(g *guest) {
		a, b := g.ints(7), g.doubles(1.5)
		where := g.ints(g.out("MPI_Get_address", a), g.out("MPI_Get_address", b))
		g.check("MPI_Address", g.out("MPI_Address", a), int32(a))
		both := g.typed("MPI_Type_create_struct", 2, g.ints(1, 1), where, g.ints(abi.Int, abi.Double))
		packed, position := g.alloc(12), g.ints(0)
		g.must("MPI_Pack", abi.Bottom, 1, both, packed, 12, position, abi.CommWorld)
		g.check("the int", g.getInt(packed), 7)
		equal(g, "the double", g.getDoubles(packed+4, 1), 1.5)
		diff := uint32(g.raw("MPI_Aint_diff", b, a))
		g.check("MPI_Aint_diff", int32(diff), int32(b-a))
		g.check("MPI_Aint_add", int32(g.raw("MPI_Aint_add", a, diff)), int32(b))
		g.check("MPI_Aint_diff", int32(g.raw("MPI_Aint_diff", uint32(0x1000), uint32(0x90000000))), 0x70001000)
	})
}
