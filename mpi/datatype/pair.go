package datatype

import (
	"cmp"
	"encoding/binary"
	"math"
)

// reducePairs is MINLOC and MAXLOC (MPI 5.0, 6.9.4). Of equal values the smaller index wins.
func reducePairs(largest bool, k *[2]kind, in, inout []byte) {
	value, index := int(k[0].size), int(k[1].size)
	byValue, byIndex := ordering(k[0]), ordering(k[1])
	wanted := -1
	if largest {
		wanted = 1
	}
	for ; len(in) > 0; in, inout = in[value+index:], inout[value+index:] {
		order := byValue(in, inout)
		if order == wanted || order == 0 && byIndex(in[value:], inout[value:]) < 0 {
			copy(inout[:value+index], in)
		}
	}
}

// unordered is the result of ordering for a NaN.
const unordered = 2

// ordering compares the first elements of two slices: -1, 0 or 1, as in package cmp, or unordered.
func ordering(k kind) func(a, b []byte) int {
	le := binary.LittleEndian
	switch {
	case k.class == floating && k.size == 2:
		return func(a, b []byte) int { return compare(halfToFloat(le.Uint16(a)), halfToFloat(le.Uint16(b))) }
	case k.class == floating && k.size == 4:
		return func(a, b []byte) int {
			return compare(math.Float32frombits(le.Uint32(a)), math.Float32frombits(le.Uint32(b)))
		}
	case k.class == floating && k.size == 8:
		return func(a, b []byte) int {
			return compare(math.Float64frombits(le.Uint64(a)), math.Float64frombits(le.Uint64(b)))
		}
	case k.class == floating:
		return func(a, b []byte) int { return quadCompare(loadQuad(a), loadQuad(b)) }
	case k.class == unsigned:
		return func(a, b []byte) int { return cmp.Compare(word(a, k.size), word(b, k.size)) }
	case k.size == 16:
		return func(a, b []byte) int { return wideCompare(loadQuad(a), loadQuad(b)) }
	}
	shift := 64 - 8*k.size
	return func(a, b []byte) int {
		return cmp.Compare(int64(word(a, k.size)<<shift), int64(word(b, k.size)<<shift))
	}
}

// word is an unsigned integer of 1, 2, 4 or 8 bytes.
func word(b []byte, size uint8) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func compare[T float32 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a == b:
		return 0
	case a > b:
		return 1
	}
	return unordered
}
