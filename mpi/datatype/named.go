package datatype

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// name is what only predefined types have.
type name struct {
	handle int32
	text   string
	pair   *[2]kind // of a value and an index, for MINLOC and MAXLOC
}

// Named returns the predefined datatype with one of the ABI's handles; nil if there is none.
func Named(handle int32) *Type {
	if i := handle - abi.DatatypeNull; i >= 0 && int(i) < len(named) {
		return named[i]
	}
	return nil
}

// Name is the name of a predefined type, such as MPI_INT; empty for others.
func (t *Type) Name() string {
	if t.named == nil {
		return ""
	}
	return t.named.text
}

// Predefined reports whether the type is predefined, with a name or without.
func (t *Type) Predefined() bool { return t.named != nil }

// Handle is the ABI's handle of a predefined type; MPI_DATATYPE_NULL for others.
func (t *Type) Handle() int32 {
	if t.named == nil || t.named.handle == 0 {
		return abi.DatatypeNull
	}
	return t.named.handle
}

// named are the predefined types, indexed by handle minus MPI_DATATYPE_NULL. Sizes and alignments
// are those of C for WebAssembly with pointers of 32 bits, and of Fortran's default kinds.
var named = buildNamed()

func buildNamed() (list [256]*Type) {
	for _, b := range basics {
		list[b.handle-abi.DatatypeNull] = basic(b.kind, &name{handle: b.handle, text: b.text})
	}
	list[abi.Lb-abi.DatatypeNull] = &Type{align: 1, lbSet: true, contiguous: true, named: &name{handle: abi.Lb, text: "MPI_LB"}, weight: typeWeight}
	list[abi.Ub-abi.DatatypeNull] = &Type{align: 1, ubSet: true, contiguous: true, named: &name{handle: abi.Ub, text: "MPI_UB"}, weight: typeWeight}
	for _, p := range pairs {
		value, index := list[p.value-abi.DatatypeNull], list[p.index-abi.DatatypeNull]
		t := newPair(value, index)
		t.recipe = nil
		t.named.handle, t.named.text = p.handle, p.text
		list[p.handle-abi.DatatypeNull] = t
	}
	return list
}

func basic(k kind, n *name) *Type {
	size := int64(k.size)
	align := int64(k.half())
	return &Type{
		size: size, ub: size, trueUB: size, align: align, contiguous: true,
		elements: 1, external: int64(k.ext), kind: k, layout: &node{kind: run, size: size}, named: n, weight: typeWeight,
	}
}

// newPair makes the type of struct {value; index}, laid out as in C.
func newPair(value, index *Type) *Type {
	disp := (value.size + index.align - 1) / index.align * index.align
	t, err := compose([]part{{0, 1, value.extent(), value}, {disp, 1, index.extent(), index}})
	if err != nil {
		panic(err) // a pair of basic types is small
	}
	t.named = &name{pair: &[2]kind{value.kind, index.kind}}
	t.recipe = &recipe{combiner: abi.CombinerValueIndex, types: []*Type{value, index}}
	return t
}

// ValueIndex is the predefined type of a value and an index (MPI 5.0, 6.9.4). It is nil unless the
// value is an ordered number and the index an integer. It has a handle if it is one of those with a
// name; otherwise its combiner is MPI_COMBINER_VALUE_INDEX.
func ValueIndex(value, index *Type) *Type {
	if value.Handle() == abi.DatatypeNull || index.Handle() == abi.DatatypeNull || value.named.pair != nil || index.named.pair != nil ||
		!ordered(value.kind.class) || !integer(index.kind.class) {
		return nil
	}
	for _, p := range pairs {
		if p.value == value.named.handle && p.index == index.named.handle {
			return Named(p.handle)
		}
	}
	return newPair(value, index)
}

var basics = []struct {
	handle int32
	kind   kind
	text   string
}{
	{abi.Aint, kind{multi, 4, 8}, "MPI_AINT"},
	{abi.Count, kind{multi, 8, 8}, "MPI_COUNT"},
	{abi.Offset, kind{multi, 8, 8}, "MPI_OFFSET"},
	{abi.Packed, kind{packedBytes, 1, 1}, "MPI_PACKED"},

	{abi.Short, kind{signed, 2, 2}, "MPI_SHORT"},
	{abi.Int, kind{signed, 4, 4}, "MPI_INT"},
	{abi.Long, kind{signed, 4, 4}, "MPI_LONG"},
	{abi.LongLong, kind{signed, 8, 8}, "MPI_LONG_LONG"},
	{abi.UnsignedShort, kind{unsigned, 2, 2}, "MPI_UNSIGNED_SHORT"},
	{abi.Unsigned, kind{unsigned, 4, 4}, "MPI_UNSIGNED"},
	{abi.UnsignedLong, kind{unsigned, 4, 4}, "MPI_UNSIGNED_LONG"},
	{abi.UnsignedLongLong, kind{unsigned, 8, 8}, "MPI_UNSIGNED_LONG_LONG"},
	{abi.Float, kind{floating, 4, 4}, "MPI_FLOAT"},
	{abi.CFloatComplex, kind{complexes, 8, 8}, "MPI_C_FLOAT_COMPLEX"},
	{abi.CxxFloatComplex, kind{complexes, 8, 8}, "MPI_CXX_FLOAT_COMPLEX"},
	{abi.Double, kind{floating, 8, 8}, "MPI_DOUBLE"},
	{abi.CDoubleComplex, kind{complexes, 16, 16}, "MPI_C_DOUBLE_COMPLEX"},
	{abi.CxxDoubleComplex, kind{complexes, 16, 16}, "MPI_CXX_DOUBLE_COMPLEX"},
	{abi.LongDouble, kind{floating, 16, 16}, "MPI_LONG_DOUBLE"},
	{abi.CLongDoubleComplex, kind{complexes, 32, 32}, "MPI_C_LONG_DOUBLE_COMPLEX"},
	{abi.CxxLongDoubleComplex, kind{complexes, 32, 32}, "MPI_CXX_LONG_DOUBLE_COMPLEX"},
	{abi.CBool, kind{logical, 1, 1}, "MPI_C_BOOL"},
	{abi.CxxBool, kind{logical, 1, 1}, "MPI_CXX_BOOL"},
	{abi.Wchar, kind{wideChars, 4, 2}, "MPI_WCHAR"},
	{abi.Int8T, kind{signed, 1, 1}, "MPI_INT8_T"},
	{abi.Uint8T, kind{unsigned, 1, 1}, "MPI_UINT8_T"},
	{abi.Char, kind{characters, 1, 1}, "MPI_CHAR"},
	{abi.SignedChar, kind{signed, 1, 1}, "MPI_SIGNED_CHAR"},
	{abi.UnsignedChar, kind{unsigned, 1, 1}, "MPI_UNSIGNED_CHAR"},
	{abi.Byte, kind{plainBytes, 1, 1}, "MPI_BYTE"},
	{abi.Int16T, kind{signed, 2, 2}, "MPI_INT16_T"},
	{abi.Uint16T, kind{unsigned, 2, 2}, "MPI_UINT16_T"},
	{abi.Int32T, kind{signed, 4, 4}, "MPI_INT32_T"},
	{abi.Uint32T, kind{unsigned, 4, 4}, "MPI_UINT32_T"},
	{abi.Int64T, kind{signed, 8, 8}, "MPI_INT64_T"},
	{abi.Uint64T, kind{unsigned, 8, 8}, "MPI_UINT64_T"},

	{abi.Logical, kind{logical, 4, 4}, "MPI_LOGICAL"},
	{abi.Integer, kind{fortran, 4, 4}, "MPI_INTEGER"},
	{abi.Real, kind{floating, 4, 4}, "MPI_REAL"},
	{abi.Complex, kind{complexes, 8, 8}, "MPI_COMPLEX"},
	{abi.DoublePrecision, kind{floating, 8, 8}, "MPI_DOUBLE_PRECISION"},
	{abi.DoubleComplex, kind{complexes, 16, 16}, "MPI_DOUBLE_COMPLEX"},
	{abi.Character, kind{characters, 1, 1}, "MPI_CHARACTER"},
	{abi.Logical1, kind{logical, 1, 1}, "MPI_LOGICAL1"},
	{abi.Logical2, kind{logical, 2, 2}, "MPI_LOGICAL2"},
	{abi.Logical4, kind{logical, 4, 4}, "MPI_LOGICAL4"},
	{abi.Logical8, kind{logical, 8, 8}, "MPI_LOGICAL8"},
	{abi.Logical16, kind{logical, 16, 16}, "MPI_LOGICAL16"},
	{abi.Integer1, kind{fortran, 1, 1}, "MPI_INTEGER1"},
	{abi.Integer2, kind{fortran, 2, 2}, "MPI_INTEGER2"},
	{abi.Integer4, kind{fortran, 4, 4}, "MPI_INTEGER4"},
	{abi.Integer8, kind{fortran, 8, 8}, "MPI_INTEGER8"},
	{abi.Integer16, kind{fortran, 16, 16}, "MPI_INTEGER16"},
	{abi.Real2, kind{floating, 2, 2}, "MPI_REAL2"},
	{abi.Real4, kind{floating, 4, 4}, "MPI_REAL4"},
	{abi.Real8, kind{floating, 8, 8}, "MPI_REAL8"},
	{abi.Real16, kind{floating, 16, 16}, "MPI_REAL16"},
	{abi.Complex4, kind{complexes, 4, 4}, "MPI_COMPLEX4"},
	{abi.Complex8, kind{complexes, 8, 8}, "MPI_COMPLEX8"},
	{abi.Complex16, kind{complexes, 16, 16}, "MPI_COMPLEX16"},
	{abi.Complex32, kind{complexes, 32, 32}, "MPI_COMPLEX32"},
}

var pairs = []struct {
	handle       int32
	value, index int32
	text         string
}{
	{abi.FloatInt, abi.Float, abi.Int, "MPI_FLOAT_INT"},
	{abi.DoubleInt, abi.Double, abi.Int, "MPI_DOUBLE_INT"},
	{abi.LongInt, abi.Long, abi.Int, "MPI_LONG_INT"},
	{abi.TwoInt, abi.Int, abi.Int, "MPI_2INT"},
	{abi.ShortInt, abi.Short, abi.Int, "MPI_SHORT_INT"},
	{abi.LongDoubleInt, abi.LongDouble, abi.Int, "MPI_LONG_DOUBLE_INT"},
	{abi.TwoReal, abi.Real, abi.Real, "MPI_2REAL"},
	{abi.TwoDoublePrecision, abi.DoublePrecision, abi.DoublePrecision, "MPI_2DOUBLE_PRECISION"},
	{abi.TwoInteger, abi.Integer, abi.Integer, "MPI_2INTEGER"},
}
