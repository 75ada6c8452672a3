package datatype

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// The types that MPI_Type_create_f90_* returns are predefined but have no name (MPI 5.0, 19.1.9).

// F90Real is the smallest real type with p decimal digits and an exponent range of r; nil if there
// is none. Either may be MPI_UNDEFINED.
func F90Real(p, r int32) *Type {
	return f90(realSize(p, r, abi.Real4, abi.Real8, abi.Real16), abi.CombinerF90Real, p, r)
}

// F90Complex is the same for complex types.
func F90Complex(p, r int32) *Type {
	return f90(realSize(p, r, abi.Complex8, abi.Complex16, abi.Complex32), abi.CombinerF90Complex, p, r)
}

// F90Integer is the smallest integer type with r decimal digits; nil if there is none.
func F90Integer(r int32) *Type {
	handle := int32(abi.DatatypeNull)
	switch {
	case r <= 2:
		handle = abi.Integer1
	case r <= 4:
		handle = abi.Integer2
	case r <= 9:
		handle = abi.Integer4
	case r <= 18:
		handle = abi.Integer8
	case r <= 38:
		handle = abi.Integer16
	}
	return f90(handle, abi.CombinerF90Integer, r)
}

func realSize(p, r, single, double, quad int32) int32 {
	if p == abi.Undefined && r == abi.Undefined {
		return abi.DatatypeNull
	}
	switch {
	case p <= 6 && r <= 37:
		return single
	case p <= 15 && r <= 307:
		return double
	case p <= 33 && r <= 4931:
		return quad
	}
	return abi.DatatypeNull
}

func f90(handle, combiner int32, args ...int32) *Type {
	base := Named(handle)
	if base == nil {
		return nil
	}
	t := *base
	t.named = &name{}
	list := make([]int64, len(args))
	for i, v := range args {
		list[i] = int64(v)
	}
	t.recipe = &recipe{combiner: combiner, args: []argument{{'i', list}}}
	return &t
}

// MatchSize is the predefined type of a class, one of the ABI's MPI_TYPECLASS_*, with a size in
// bytes; nil if there is none.
func MatchSize(class int32, size int64) *Type {
	lists := map[int32][]int32{
		abi.TypeclassInteger: {abi.Integer1, abi.Integer2, abi.Integer4, abi.Integer8, abi.Integer16},
		abi.TypeclassReal:    {abi.Real2, abi.Real4, abi.Real8, abi.Real16},
		abi.TypeclassComplex: {abi.Complex4, abi.Complex8, abi.Complex16, abi.Complex32},
		abi.TypeclassLogical: {abi.Logical1, abi.Logical2, abi.Logical4, abi.Logical8, abi.Logical16},
	}
	for _, handle := range lists[class] {
		if t := Named(handle); t.size == size {
			return t
		}
	}
	return nil
}

// Classified reports whether MatchSize knows the class.
func Classified(class int32) bool {
	return class == abi.TypeclassInteger || class == abi.TypeclassReal || class == abi.TypeclassComplex || class == abi.TypeclassLogical
}
