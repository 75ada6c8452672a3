package datatype

// kind is the type of a basic element. It determines how elements are reduced and converted.
type kind struct {
	class class
	size  uint8 // bytes in memory
	ext   uint8 // bytes in the external32 representation (MPI 5.0, 14.5.2)
}

// class is a group of types that have the same operations (MPI 5.0, 6.9.2).
type class uint8

const (
	signed   class = iota + 1 // C integer
	unsigned                  // C integer
	fortran                   // Fortran integer
	multi                     // multi-language types: MPI_AINT, MPI_COUNT, MPI_OFFSET
	floating
	complexes
	logical     // Fortran logical and booleans of C and C++
	plainBytes  // MPI_BYTE
	characters  // no operation is defined for it
	wideChars   // wchar_t
	packedBytes // MPI_PACKED
)

// half is the size of the units that are converted: half of a complex number, else the whole
// element.
func (k kind) half() int {
	if k.class == complexes {
		return int(k.size) / 2
	}
	return int(k.size)
}
