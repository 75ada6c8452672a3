package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"

// What lies in one piece is copied without the machinery for what does not.

// copyData copies the data of src to dst, as far as both go.
func copyData(dst, src *datatype.Buffer) {
	if d, ok := dst.Bytes(); ok {
		if s, ok := src.Bytes(); ok {
			copy(d, s)
			return
		}
	}
	datatype.Copy(*dst, *src)
}

// copyAll is copyData for any size: it ends early when the world is over.
func (w *World) copyAll(dst, src *datatype.Buffer) {
	datatype.CopyUntil(*dst, *src, w.Over)
}

// pack copies the first of the data of a buffer to dst.
func pack(dst []byte, src *datatype.Buffer) {
	if s, ok := src.Bytes(); ok {
		copy(dst, s)
		return
	}
	src.Pack(dst, 0)
}

// unpack copies src to where the data of a buffer from off on belongs.
func unpack(dst *datatype.Buffer, src []byte, off int64) {
	if d, ok := dst.Bytes(); ok {
		copy(d[off:], src)
		return
	}
	dst.Unpack(src, off)
}
