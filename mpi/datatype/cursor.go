package datatype

import "slices"

// maxLevels bounds the height of the layout of a buffer with at most maxData bytes (see node).
const maxLevels = 34

// cursor iterates over the data of a buffer that passed its check, piece by piece.
type cursor struct {
	piece        // the current piece
	buf   Buffer // its type has data
	next  int64  // index of the next element
	depth int    // number of levels in use
	level [maxLevels]level
}

// level is a node that contains the current piece.
type level struct {
	n    *node
	base int64 // address that the node's offsets are relative to
	next int64 // index of the next child
}

// seek moves to byte off of the data, which must exist. It resets a used cursor.
func (c *cursor) seek(b *Buffer, off int64) {
	c.buf = *b
	c.depth = 0
	if p, ok := b.piece(); ok {
		c.piece, c.next = p, b.Count
		c.advance(off)
		return
	}
	i := off / b.Type.size
	c.next = i + 1
	c.enter(b.Type.layout, b.Addr+i*b.Type.extent(), off-i*b.Type.size)
}

// enter moves to byte off of a node's data.
func (c *cursor) enter(n *node, base, off int64) {
	for {
		var i, at int64
		at = base + n.off
		child := n.child
		switch n.kind {
		case run:
			c.piece = piece{off: at, n: n.size, count: 1, skip: off}
			return
		case loop:
			if off > 0 {
				i = off / child.size
				off -= i * child.size
			}
			at += i * n.stride
			if child.kind == run {
				c.piece = piece{off: at + child.off, n: child.size, count: n.count - i, stride: n.stride, skip: off}
				return
			}
		case alike:
			if off > 0 {
				i = off / child.size
				off -= i * child.size
			}
			at += n.offs[i]
		case runs, mixed:
			if off > 0 {
				k, found := slices.BinarySearch(n.starts, off)
				if !found {
					k--
				}
				i = int64(k)
				off -= n.starts[i]
			}
			at += n.offs[i]
			if n.kind == mixed {
				child = n.kids[i]
			}
		}
		c.level[c.depth] = level{n, base, i + 1}
		c.depth++
		if n.kind == runs {
			c.piece = piece{off: at, n: n.starts[i+1] - n.starts[i], count: 1, skip: off}
			return
		}
		n, base = child, at
	}
}

// forward moves to the next piece; false if there is none.
func (c *cursor) forward() bool {
	for c.depth > 0 {
		l := &c.level[c.depth-1]
		n, i := l.n, l.next
		l.next++
		switch n.kind {
		case loop:
			if i < n.count {
				c.enter(n.child, l.base+n.off+i*n.stride, 0)
				return true
			}
		case alike:
			if i < int64(len(n.offs)) {
				at := l.base + n.off + n.offs[i]
				if n.child.kind == run {
					c.piece = piece{off: at + n.child.off, n: n.child.size, count: 1}
				} else {
					c.enter(n.child, at, 0)
				}
				return true
			}
		case runs:
			if i < int64(len(n.offs)) {
				c.piece = piece{off: l.base + n.off + n.offs[i], n: n.starts[i+1] - n.starts[i], count: 1}
				return true
			}
		case mixed:
			if i < int64(len(n.offs)) {
				c.enter(n.kids[i], l.base+n.off+n.offs[i], 0)
				return true
			}
		}
		c.depth--
	}
	if c.next >= c.buf.Count {
		return false
	}
	at := c.buf.Addr + c.next*c.buf.Type.extent()
	c.next++
	c.enter(c.buf.Type.layout, at, 0)
	return true
}

// runs copies the remaining entries of a list of runs, as long as packed has room for whole ones,
// and returns the rest of packed. It does the same as forward and transfer for each entry, but
// faster. The current piece must be used up before; it is so after.
func (c *cursor) runs(packed []byte, unpack bool) []byte {
	if c.depth == 0 {
		return packed
	}
	l := &c.level[c.depth-1]
	n, mem := l.n, c.buf.Mem
	at := l.base + n.off
	switch {
	case n.kind == alike && n.child.kind == run:
		at += n.child.off
		size := n.child.size
		for ; l.next < int64(len(n.offs)) && int64(len(packed)) >= size; l.next++ {
			packed = copyRun(packed, mem[at+n.offs[l.next]:][:size], unpack)
		}
	case n.kind == runs:
		for ; l.next < int64(len(n.offs)); l.next++ {
			size := n.starts[l.next+1] - n.starts[l.next]
			if int64(len(packed)) < size {
				break
			}
			packed = copyRun(packed, mem[at+n.offs[l.next]:][:size], unpack)
		}
	}
	return packed
}

// pass drops k bytes of the current piece, and moves to the next one if it is used up; false if
// there is none.
func (c *cursor) pass(k int64) bool {
	c.advance(k)
	return c.count > 0 || c.forward()
}
