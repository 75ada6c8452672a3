package datatype

// Operations on much data, which look at times whether they have to end. stop reports that; it is
// called after each lookBytes of data, so within a few milliseconds. What was stopped has done a
// part, and reports false.

// lookBytes is how much data is moved between two looks at stop.
const lookBytes = 256 << 10

// PackUntil is Pack of all data, to dst of at least its size.
func (b Buffer) PackUntil(dst []byte, stop func() bool) bool {
	return inParts(b.Size(), stop, func(lo, hi int64) { b.Pack(dst[lo:hi], lo) })
}

// UnpackUntil is Unpack of all data, from src of at least its size.
func (b Buffer) UnpackUntil(src []byte, stop func() bool) bool {
	return inParts(b.Size(), stop, func(lo, hi int64) { b.Unpack(src[lo:hi], lo) })
}

// CopyUntil is [Copy].
func CopyUntil(dst, src Buffer, stop func() bool) bool {
	left := min(dst.Size(), src.Size())
	if left <= lookBytes {
		Copy(dst, src)
		return true
	}
	if to, ok := dst.Bytes(); ok {
		return inParts(left, stop, func(lo, hi int64) { src.Pack(to[lo:hi], lo) })
	}
	if from, ok := src.Bytes(); ok {
		return inParts(left, stop, func(lo, hi int64) { dst.Unpack(from[lo:hi], lo) })
	}
	return copyPieces(dst, src, left, stop)
}

// ReduceUntil is [Op.Reduce].
func (op Op) ReduceUntil(t *Type, in, inout []byte, stop func() bool) bool {
	n := int64(min(len(in), len(inout)))
	if t.size <= 0 || n <= lookBytes {
		op.Reduce(t, in, inout)
		return true
	}
	// A part is whole elements.
	each := max(lookBytes/t.size, 1) * t.size
	for lo := int64(0); lo < n; lo += each {
		if lo > 0 && stop() {
			return false
		}
		hi := min(lo+each, n)
		op.Reduce(t, in[lo:hi], inout[lo:hi])
	}
	return true
}

// inParts calls do for parts of n bytes.
func inParts(n int64, stop func() bool, do func(lo, hi int64)) bool {
	for lo := int64(0); lo < n; lo += lookBytes {
		if lo > 0 && stop() {
			return false
		}
		do(lo, min(lo+lookBytes, n))
	}
	return true
}

// copyPieces copies left bytes between buffers in several pieces each. A nil stop is never called.
func copyPieces(dst, src Buffer, left int64, stop func() bool) bool {
	var to, from cursor
	to.seek(&dst, 0)
	from.seek(&src, 0)
	for look := int64(lookBytes); ; {
		limit := left
		if stop != nil {
			limit = min(left, look)
		}
		k := match(&to.piece, &from.piece, limit, dst.Mem, src.Mem)
		if left -= k; left == 0 {
			return true
		}
		if look -= k; look <= 0 && stop != nil {
			if stop() {
				return false
			}
			look = lookBytes
		}
		to.pass(k)
		from.pass(k)
	}
}
