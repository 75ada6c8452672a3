package datatype

import "github.com/ipfs-mpi/ipfs-mpi/mpi/abi"

type whole interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

type number interface {
	whole | float32 | float64
}

// arithmetic is the operations that all numbers have. in and inout have the same length.
func arithmetic[T number](op Op, in, inout []T) {
	inout = inout[:len(in)]
	switch op {
	case abi.Sum:
		for i, v := range in {
			inout[i] += v
		}
	case abi.Prod:
		for i, v := range in {
			inout[i] *= v
		}
	case abi.Max:
		for i, v := range in {
			if v > inout[i] {
				inout[i] = v
			}
		}
	case abi.Min:
		for i, v := range in {
			if v < inout[i] {
				inout[i] = v
			}
		}
	}
}

func integers[T whole](op Op, in, inout []T) {
	inout = inout[:len(in)]
	switch op {
	case abi.Band:
		for i, v := range in {
			inout[i] &= v
		}
	case abi.Bor:
		for i, v := range in {
			inout[i] |= v
		}
	case abi.Bxor:
		for i, v := range in {
			inout[i] ^= v
		}
	case abi.Land:
		for i, v := range in {
			inout[i] = truth[T](v != 0 && inout[i] != 0)
		}
	case abi.Lor:
		for i, v := range in {
			inout[i] = truth[T](v != 0 || inout[i] != 0)
		}
	case abi.Lxor:
		for i, v := range in {
			inout[i] = truth[T]((v != 0) != (inout[i] != 0))
		}
	default:
		arithmetic(op, in, inout)
	}
}

func truth[T whole](b bool) T {
	if b {
		return 1
	}
	return 0
}

// multiply is the product of complex numbers by its definition, without special cases for
// infinities.
func multiply(k kind, in, inout []byte) {
	switch k.half() {
	case 2:
		through(in, inout, func(in, inout []uint16) {
			products(in, inout, halfMul, halfAdd, func(a uint16) uint16 { return a ^ 0x8000 })
		})
	case 4:
		through(in, inout, complexProducts[float32])
	case 8:
		through(in, inout, complexProducts[float64])
	case 16:
		through(in, inout, quadProducts)
	}
}

// complexProducts multiplies pairs of a real and an imaginary part. The explicit conversions
// prevent fused multiply-add, which would round differently on different machines.
func complexProducts[T float32 | float64](in, inout []T) {
	for i := 0; i+1 < len(in); i += 2 {
		a, b, c, d := in[i], in[i+1], inout[i], inout[i+1]
		inout[i] = T(a*c) - T(b*d)
		inout[i+1] = T(a*d) + T(b*c)
	}
}

func products[T any](in, inout []T, mul, add func(a, b T) T, neg func(T) T) {
	for i := 0; i+1 < len(in); i += 2 {
		a, b, c, d := in[i], in[i+1], inout[i], inout[i+1]
		inout[i] = add(mul(a, c), neg(mul(b, d)))
		inout[i+1] = add(mul(a, d), mul(b, c))
	}
}
