// Package datatype is MPI's datatypes (MPI 5.0, chapter 5) and its predefined reduction operations (section 6.9.2): what a
// buffer's bytes are. It knows nothing of ranks or guests.
package datatype

import "errors"

// Type is a datatype: a typemap with a lower bound and an extent. It does not change once it is made.
type Type struct {
	size, lb, extent, trueLB, trueExtent int64
	contiguous                           bool
}

// Size is the bytes of data in one element.
func (t *Type) Size() int64 { return t.size }

// Extent is the lower bound and the extent, in bytes: element i of an array begins at i times the extent.
func (t *Type) Extent() (lb, extent int64) { return t.lb, t.extent }

// TrueExtent is the lower bound and the extent of the data itself, in bytes.
func (t *Type) TrueExtent() (lb, extent int64) { return t.trueLB, t.trueExtent }

// Contiguous reports whether an array of the type is its data and nothing else, in order.
func (t *Type) Contiguous() bool { return t.contiguous }

// Named finds a predefined datatype by the ABI's handle for it; nil if there is none, or if a program cannot use
// it because C for WebAssembly has no such type.
func Named(handle int32) *Type { panic("not built") }

// ErrRange means that a buffer is not all within its memory.
var ErrRange = errors.New("datatype: the buffer is not within the memory")

// Buffer is count elements of a type at an address in a memory: a guest's, or the host's own. The zero value has no bytes.
type Buffer struct {
	Mem   []byte // all of the memory
	Addr  int64  // of element 0 in it; with a type of absolute addresses (MPI_BOTTOM) 0
	Count int64
	Type  *Type
}

// Of is a buffer of plain bytes.
func Of(b []byte) Buffer { panic("not built") }

// Check makes sure that every byte that the buffer touches is within its memory, or returns ErrRange. All other methods
// take a buffer that passed.
func (b Buffer) Check() error { panic("not built") }

// Size is the bytes of its data.
func (b Buffer) Size() int64 { panic("not built") }

// Bytes is the data where it lies, if it lies in one piece and in order.
func (b Buffer) Bytes() ([]byte, bool) { panic("not built") }

// Pack copies the data from offset off on, in the order of the typemap, to dst, and returns how much there was.
func (b Buffer) Pack(dst []byte, off int64) int { panic("not built") }

// Unpack copies src to where the data from offset off on belongs, and returns how much it took.
func (b Buffer) Unpack(src []byte, off int64) int { panic("not built") }

// Copy copies the data of src to dst, as far as both go, without a copy in between, and returns how many bytes. The
// two may have different types, and may overlap only if they are the same.
func Copy(dst, src Buffer) int64 { panic("not built") }

// Op is a predefined reduction operation, by the ABI's handle.
type Op int32

// Allows reports whether the operation is defined for elements of the type (MPI 5.0, 6.9.2).
func (op Op) Allows(t *Type) bool { panic("not built") }

// Reduce computes inout[i] = in[i] op inout[i] for each element of data in order of the typemap: both hold packed
// elements of t, as many as fit. Integers wrap; floating point is IEEE 754, each operation rounded once.
func (op Op) Reduce(t *Type, in, inout []byte) { panic("not built") }
