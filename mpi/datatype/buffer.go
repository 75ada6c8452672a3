package datatype

import (
	"errors"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// ErrRange means that a buffer is not entirely within its memory.
var ErrRange = errors.New("datatype: the buffer is not within the memory")

// Buffer is count elements of a type at an address in a memory, which is a guest's or the host's
// own. The zero value has no bytes.
type Buffer struct {
	Mem   []byte // the whole memory
	Addr  int64  // of element 0 in Mem; 0 for a type of absolute addresses (MPI_BOTTOM)
	Count int64
	Type  *Type
}

// Limits of the bytes of data of a buffer. maxData is the size of the largest memory. overlapped
// applies if the memory is smaller than the data, which takes a type that has the same bytes
// repeatedly: copying them could keep the host busy for hours.
const (
	maxData    = 1 << 32
	overlapped = 1 << 26
)

// Of is a buffer of plain bytes.
func Of(b []byte) Buffer {
	return Buffer{Mem: b, Count: int64(len(b)), Type: Named(abi.Byte)}
}

// Check returns ErrRange unless every byte that the buffer touches is within its memory. All other
// methods require a buffer that passed.
func (b Buffer) Check() error {
	t := b.Type
	if t != nil && t.contiguous && t.size > 0 && b.Count >= 0 && b.Addr >= 0 {
		if room := int64(len(b.Mem)) - b.Addr; b.Count <= room/t.size {
			return nil
		}
	}
	switch {
	case b.Count == 0 || b.Count > 0 && (t == nil || t.size == 0):
		return nil
	case b.Count < 0:
		return ErrRange
	}
	if data, ok := mul(b.Count, t.size); !ok || data > maxData || data > max(int64(len(b.Mem)), overlapped) {
		return ErrRange
	}
	span, ok1 := mul(b.Count-1, t.extent())
	lo, ok2 := add(b.Addr, min(span, 0))
	hi, ok3 := add(b.Addr, max(span, 0))
	if !ok1 || !ok2 || !ok3 || lo+t.trueLB < 0 || hi+t.trueUB > int64(len(b.Mem)) {
		return ErrRange
	}
	return nil
}

// Lowest is the lowest address that the buffer touches; a large one if it touches none.
func (b Buffer) Lowest() int64 {
	if b.Count == 0 || b.Type == nil || b.Type.size == 0 {
		return math.MaxInt64
	}
	if b.Type.contiguous {
		return b.Addr
	}
	return b.Addr + min((b.Count-1)*b.Type.extent(), 0) + b.Type.trueLB
}

// Size is the number of bytes of data.
func (b Buffer) Size() int64 {
	if b.Type == nil {
		return 0
	}
	return b.Count * b.Type.size
}

// Bytes returns the data in place, without a copy; false if it is not contiguous and in order.
func (b *Buffer) Bytes() ([]byte, bool) {
	size := b.Size()
	if size == 0 {
		return nil, true
	}
	if b.Type.contiguous {
		end := b.Addr + size
		return b.Mem[b.Addr:end:end], true
	}
	if l := b.Type.layout; l.kind == run && (b.Count == 1 || l.size == b.Type.extent()) {
		at := b.Addr + l.off
		end := at + l.size*b.Count
		return b.Mem[at:end:end], true
	}
	return nil, false
}

// piece returns all of the data as one piece; false if it is more than one.
func (b *Buffer) piece() (piece, bool) {
	l, extent := b.Type.layout, b.Type.extent()
	switch {
	case l.kind == run && (b.Count == 1 || l.size == extent):
		return piece{off: b.Addr + l.off, n: l.size * b.Count, count: 1}, true
	case l.kind == run:
		return piece{off: b.Addr + l.off, n: l.size, count: b.Count, stride: extent}, true
	case l.kind == loop && l.child.kind == run && (b.Count == 1 || l.count*l.stride == extent):
		return piece{off: b.Addr + l.off + l.child.off, n: l.child.size, count: l.count * b.Count, stride: l.stride}, true
	}
	return piece{}, false
}

// Pack copies the data from offset off on to dst, in the order of the typemap, and returns the
// number of bytes.
func (b Buffer) Pack(dst []byte, off int64) int { return b.transfer(dst, off, false) }

// Unpack copies src to the data from offset off on, and returns the number of bytes.
func (b Buffer) Unpack(src []byte, off int64) int { return b.transfer(src, off, true) }

// transfer copies between the data from offset off on and packed, in either direction, until one of
// them ends.
func (b *Buffer) transfer(packed []byte, off int64, unpack bool) int {
	left := min(int64(len(packed)), b.Size()-off)
	if left <= 0 || off < 0 {
		return 0
	}
	packed = packed[:left]
	if data, ok := b.Bytes(); ok {
		if unpack {
			return copy(data[off:], packed)
		}
		return copy(packed, data[off:])
	}
	if p, ok := b.piece(); ok {
		for p.advance(off); len(packed) > 0; {
			h := p.head(int64(len(packed)))
			packed = h.transfer(packed, b.Mem, unpack)
			p.advance(h.n * h.count)
		}
		return int(left)
	}
	if list := b.Type.few; list != nil {
		size := b.Type.size
		first := min((off+size-1)/size*size-off, left) // of the element that off is within
		whole := (left - first) / size * size
		b.walk(packed[:first], off, unpack)
		b.elements(list, packed[first:first+whole], (off+first)/size, unpack)
		b.walk(packed[first+whole:], off+first+whole, unpack)
		return int(left)
	}
	b.walk(packed, off, unpack)
	return int(left)
}

// walk is transfer for any layout.
func (b *Buffer) walk(packed []byte, off int64, unpack bool) {
	if len(packed) == 0 {
		return
	}
	var c cursor
	for c.seek(b, off); ; {
		h := c.head(int64(len(packed)))
		packed = h.transfer(packed, b.Mem, unpack)
		if c.advance(h.n * h.count); c.count == 0 {
			packed = c.runs(packed, unpack)
		}
		if len(packed) == 0 {
			return
		}
		if c.count == 0 {
			c.forward()
		}
	}
}

// elements is transfer for whole elements of few runs each, from element i on.
func (b *Buffer) elements(list []piece, packed []byte, i int64, unpack bool) {
	for at := b.Addr + i*b.Type.extent(); len(packed) > 0; at += b.Type.extent() {
		for j := range list {
			r := &list[j]
			packed = copyRun(packed, b.Mem[at+r.off:][:r.n], unpack)
		}
	}
}

// Copy copies the data of src to dst directly, without a packed copy in between, until one of them
// ends. It returns the number of bytes. The types may differ. The buffers may overlap only if they
// are the same.
func Copy(dst, src Buffer) int64 {
	left := min(dst.Size(), src.Size())
	if left == 0 {
		return 0
	}
	if to, ok := dst.Bytes(); ok {
		return int64(src.Pack(to[:left], 0))
	}
	if from, ok := src.Bytes(); ok {
		return int64(dst.Unpack(from[:left], 0))
	}
	copyPieces(dst, src, left, nil)
	return left
}

// match copies from the beginning of q to the beginning of p as much as one loop can, at most limit
// bytes, and returns how much that is.
func match(p, q *piece, limit int64, dst, src []byte) int64 {
	switch {
	case p.count == 1:
		h := q.head(min(limit, p.n-p.skip))
		at := p.off + p.skip
		gather(dst[at:at+h.n*h.count], src, h)
		return h.n * h.count
	case q.count == 1:
		h := p.head(min(limit, q.n-q.skip))
		at := q.off + q.skip
		scatter(dst, src[at:at+h.n*h.count], h)
		return h.n * h.count
	case p.n == q.n && p.skip == 0 && q.skip == 0 && limit >= p.n:
		h, g := *p, *q
		h.count = min(p.count, q.count, limit/p.n)
		move(dst, src, h, g)
		return h.n * h.count
	}
	n := min(p.n-p.skip, q.n-q.skip, limit)
	copy(dst[p.off+p.skip:][:n], src[q.off+q.skip:])
	return n
}
