package datatype

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// Only this file uses package unsafe: it views bytes as numbers. A guest's numbers are
// little-endian and may be unaligned.

// bigEndian reports whether the host is big-endian.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// through calls do with the numbers in in and inout: in place if they are aligned and little-endian
// as on the host, else on aligned copies of a part at a time.
func through[T number](in, inout []byte, do func(in, inout []T)) {
	a, ok1 := view[T](in)
	b, ok2 := view[T](inout)
	if ok1 && ok2 {
		do(a, b)
		return
	}
	const chunk = 512 // even, since an element may be two numbers
	var here, there [chunk]T
	size := int(unsafe.Sizeof(here[0]))
	for len(in) > 0 {
		n := min(len(in), chunk*size)
		load(here[:n/size], in[:n])
		load(there[:n/size], inout[:n])
		do(here[:n/size], there[:n/size])
		store(inout[:n], there[:n/size])
		in, inout = in[n:], inout[n:]
	}
}

// view returns b as numbers; false if the host cannot access them in place.
func view[T number](b []byte) ([]T, bool) {
	var zero T
	p := unsafe.Pointer(unsafe.SliceData(b))
	if bigEndian && unsafe.Sizeof(zero) > 1 || uintptr(p)%unsafe.Alignof(zero) != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(p), len(b)/int(unsafe.Sizeof(zero))), true
}

// raw returns the memory of numbers of the host.
func raw[T number](list []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), len(list)*int(unsafe.Sizeof(zero)))
}

func load[T number](list []T, b []byte) {
	copy(raw(list), b)
	swap(raw(list), len(b)/len(list))
}

func store[T number](b []byte, list []T) {
	swap(raw(list), len(b)/len(list))
	copy(b, raw(list))
}

// swap reverses the bytes of each number of size bytes if the host is big-endian.
func swap(b []byte, size int) {
	if bigEndian {
		for ; len(b) > 0; b = b[size:] {
			slices.Reverse(b[:size])
		}
	}
}
