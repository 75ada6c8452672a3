package datatype

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

// Op is a predefined reduction operation; its value is the ABI's handle.
type Op int32

// Allows reports whether the operation is defined for elements of the type (MPI 5.0, 6.9.2 and
// 6.9.4), which must be predefined, not derived. MPI_REPLACE and MPI_NO_OP accept any predefined
// type; the caller must reject them in collective operations. Logical operations on MPI_AINT,
// MPI_COUNT and MPI_OFFSET are allowed as in Open MPI and MPICH.
func (op Op) Allows(t *Type) bool {
	if t.named == nil {
		return false
	}
	if t.named.pair != nil {
		return op == abi.Minloc || op == abi.Maxloc || op == abi.Replace || op == abi.NoOp
	}
	c := t.kind.class
	switch op {
	case abi.Max, abi.Min:
		return ordered(c)
	case abi.Sum, abi.Prod:
		return ordered(c) || c == complexes
	case abi.Land, abi.Lor, abi.Lxor:
		return integer(c) && c != fortran || c == logical
	case abi.Band, abi.Bor, abi.Bxor:
		return integer(c) || c == plainBytes
	case abi.Replace, abi.NoOp:
		return true
	}
	return false
}

func integer(c class) bool { return c == signed || c == unsigned || c == fortran || c == multi }

func ordered(c class) bool { return integer(c) || c == floating }

// Reduce computes inout[i] = in[i] op inout[i] for each element of data in the order of the
// typemap. Both hold packed elements of t, as many as fit. Integers wrap. Floating point is IEEE
// 754, and each operation is rounded once. The operation must allow the type.
func (op Op) Reduce(t *Type, in, inout []byte) {
	if !op.Allows(t) {
		return
	}
	n := min(len(in), len(inout))
	n -= n % int(t.size)
	in, inout = in[:n], inout[:n]
	switch {
	case op == abi.NoOp || n == 0:
	case op == abi.Replace:
		copy(inout, in)
	case t.named.pair != nil:
		reducePairs(op == abi.Maxloc, t.named.pair, in, inout)
	case t.kind.class == complexes && op == abi.Prod:
		multiply(t.kind, in, inout)
	default:
		reduce(op, t.kind, in, inout)
	}
}

// reduce handles everything that works on each number separately: all but products of complex
// numbers, and pairs.
func reduce(op Op, k kind, in, inout []byte) {
	switch k.class {
	case floating, complexes:
		switch k.half() {
		case 2:
			through(in, inout, func(in, inout []uint16) { halves(op, in, inout) })
		case 4:
			through(in, inout, func(in, inout []float32) { arithmetic(op, in, inout) })
		case 8:
			through(in, inout, func(in, inout []float64) { arithmetic(op, in, inout) })
		case 16:
			through(in, inout, func(in, inout []uint64) { quads(op, in, inout) })
		}
	case signed, fortran, multi:
		switch k.size {
		case 1:
			through(in, inout, func(in, inout []int8) { integers(op, in, inout) })
		case 2:
			through(in, inout, func(in, inout []int16) { integers(op, in, inout) })
		case 4:
			through(in, inout, func(in, inout []int32) { integers(op, in, inout) })
		case 8:
			through(in, inout, func(in, inout []int64) { integers(op, in, inout) })
		case 16:
			through(in, inout, func(in, inout []uint64) { wides(op, in, inout) })
		}
	default:
		switch k.size {
		case 1:
			through(in, inout, func(in, inout []uint8) { integers(op, in, inout) })
		case 2:
			through(in, inout, func(in, inout []uint16) { integers(op, in, inout) })
		case 4:
			through(in, inout, func(in, inout []uint32) { integers(op, in, inout) })
		case 8:
			through(in, inout, func(in, inout []uint64) { integers(op, in, inout) })
		case 16:
			through(in, inout, func(in, inout []uint64) { wides(op, in, inout) })
		}
	}
}
