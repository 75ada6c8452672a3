package datatype

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// wide is 128 bits: an integer, or a binary128 (see quad.go).
type wide struct{ hi, lo uint64 }

func loadQuad(b []byte) wide {
	return wide{hi: binary.LittleEndian.Uint64(b[8:]), lo: binary.LittleEndian.Uint64(b)}
}

func wideCompare(a, b wide) int {
	if c := cmp.Compare(int64(a.hi), int64(b.hi)); c != 0 {
		return c
	}
	return cmp.Compare(a.lo, b.lo)
}

// wides reduces integers and logicals of 128 bits, as two words each, the lower first.
func wides(op Op, in, inout []uint64) {
	switch op {
	case abi.Band, abi.Bor, abi.Bxor:
		integers(op, in, inout)
		return
	}
	for i := 0; i+1 < len(in); i += 2 {
		r := wideOp(op, wide{hi: in[i+1], lo: in[i]}, wide{hi: inout[i+1], lo: inout[i]})
		inout[i], inout[i+1] = r.lo, r.hi
	}
}

func wideOp(op Op, a, b wide) wide {
	switch op {
	case abi.Sum:
		lo, carry := bits.Add64(a.lo, b.lo, 0)
		return wide{a.hi + b.hi + carry, lo}
	case abi.Prod:
		hi, lo := bits.Mul64(a.lo, b.lo)
		return wide{hi + a.hi*b.lo + a.lo*b.hi, lo}
	case abi.Max:
		if wideCompare(a, b) > 0 {
			return a
		}
	case abi.Min:
		if wideCompare(a, b) < 0 {
			return a
		}
	case abi.Land:
		return wide{lo: truth[uint64](a != wide{} && b != wide{})}
	case abi.Lor:
		return wide{lo: truth[uint64](a != wide{} || b != wide{})}
	case abi.Lxor:
		return wide{lo: truth[uint64]((a != wide{}) != (b != wide{}))}
	}
	return b
}
