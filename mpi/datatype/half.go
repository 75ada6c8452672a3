package datatype

import (
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// halves reduces binary16. Sums and products of two are exact in a float64, so each is rounded only
// once.
func halves(op Op, in, inout []uint16) {
	for i, v := range in {
		switch op {
		case abi.Sum:
			inout[i] = halfAdd(v, inout[i])
		case abi.Prod:
			inout[i] = halfMul(v, inout[i])
		case abi.Max:
			if halfToFloat(v) > halfToFloat(inout[i]) {
				inout[i] = v
			}
		case abi.Min:
			if halfToFloat(v) < halfToFloat(inout[i]) {
				inout[i] = v
			}
		}
	}
}

func halfAdd(a, b uint16) uint16 { return floatToHalf(halfToFloat(a) + halfToFloat(b)) }
func halfMul(a, b uint16) uint16 { return floatToHalf(halfToFloat(a) * halfToFloat(b)) }

func halfToFloat(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		f = math.Inf(1)
		if frac != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(frac+1024, exp-25)
	}
	if h&0x8000 != 0 {
		return math.Copysign(f, -1)
	}
	return f
}

// floatToHalf rounds to nearest, ties to even.
func floatToHalf(f float64) uint16 {
	sign := uint16(math.Float64bits(f) >> 48 & 0x8000)
	f = math.Abs(f)
	switch {
	case f != f:
		return sign | 0x7e00
	case f >= 65520: // at least halfway from the largest number to the next power of two
		return sign | 0x7c00
	case f < 0x1p-14:
		// may become the smallest normal number
		return sign | uint16(math.RoundToEven(math.Ldexp(f, 24)))
	}
	frac, exp := math.Frexp(f) // frac is in [0.5, 1)
	m := uint16(math.RoundToEven(math.Ldexp(frac, 11)))
	return sign | (uint16(exp+14)<<10 + m - 1024) // a carry increments the exponent
}
