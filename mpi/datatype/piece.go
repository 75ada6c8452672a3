package datatype

import "encoding/binary"

// piece is count blocks of n bytes each, stride bytes apart, the first at off. The first skip bytes
// of the first block are used up.
type piece struct {
	off, n, count, stride int64
	skip                  int64 // less than n
}

// advance drops the first k bytes.
func (p *piece) advance(k int64) {
	k += p.skip
	blocks := int64(0)
	if k >= p.n {
		blocks = k / p.n
	}
	p.off += blocks * p.stride
	p.count -= blocks
	p.skip = k - blocks*p.n
}

// head returns the first part, at most limit bytes, as whole blocks or as one run.
func (p *piece) head(limit int64) piece {
	if p.skip > 0 || limit < p.n || p.count == 1 {
		return piece{off: p.off + p.skip, n: min(p.n-p.skip, limit), count: 1}
	}
	return piece{off: p.off, n: p.n, count: min(p.count, limit/p.n), stride: p.stride}
}

// transfer copies the blocks of p between the memory and packed, and returns the rest of packed.
// skip must be 0.
func (p piece) transfer(packed, mem []byte, unpack bool) []byte {
	if unpack {
		scatter(mem, packed, p)
	} else {
		gather(packed, mem, p)
	}
	return packed[p.n*p.count:]
}

// copyRun is transfer for a short run.
func copyRun(packed, run []byte, unpack bool) []byte {
	if len(run) == 8 { // the most common size
		if unpack {
			binary.LittleEndian.PutUint64(run, binary.LittleEndian.Uint64(packed))
		} else {
			binary.LittleEndian.PutUint64(packed, binary.LittleEndian.Uint64(run))
		}
		return packed[8:]
	}
	if unpack {
		copy(run, packed)
	} else {
		copy(packed, run)
	}
	return packed[len(run):]
}

// gather copies the blocks of p to dst, which must have room for them. skip must be 0.
func gather(dst, mem []byte, p piece) {
	if p.count == 1 {
		copy(dst[:p.n], mem[p.off:])
		return
	}
	dst = dst[:p.n*p.count]
	off := p.off
	switch p.n {
	case 4:
		for ; len(dst) >= 4; dst = dst[4:] {
			binary.LittleEndian.PutUint32(dst, binary.LittleEndian.Uint32(mem[off:]))
			off += p.stride
		}
	case 8:
		for ; len(dst) >= 8; dst = dst[8:] {
			binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(mem[off:]))
			off += p.stride
		}
	case 16:
		for ; len(dst) >= 16; dst = dst[16:] {
			src := mem[off:]
			binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(src[8:]))
			binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src))
			off += p.stride
		}
	case 1:
		for i := range dst {
			dst[i] = mem[off]
			off += p.stride
		}
	default:
		for ; len(dst) > 0; dst = dst[p.n:] {
			copy(dst[:p.n], mem[off:])
			off += p.stride
		}
	}
}

// scatter is the reverse.
func scatter(mem, src []byte, p piece) {
	if p.count == 1 {
		copy(mem[p.off:p.off+p.n], src)
		return
	}
	src = src[:p.n*p.count]
	off := p.off
	switch p.n {
	case 4:
		for ; len(src) >= 4; src = src[4:] {
			binary.LittleEndian.PutUint32(mem[off:], binary.LittleEndian.Uint32(src))
			off += p.stride
		}
	case 8:
		for ; len(src) >= 8; src = src[8:] {
			binary.LittleEndian.PutUint64(mem[off:], binary.LittleEndian.Uint64(src))
			off += p.stride
		}
	case 16:
		for ; len(src) >= 16; src = src[16:] {
			dst := mem[off:]
			binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(src[8:]))
			binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src))
			off += p.stride
		}
	case 1:
		for _, b := range src {
			mem[off] = b
			off += p.stride
		}
	default:
		for ; len(src) > 0; src = src[p.n:] {
			copy(mem[off:off+p.n], src)
			off += p.stride
		}
	}
}

// move copies blocks to as many blocks of the same size. skip must be 0 for both.
func move(dst, src []byte, p, q piece) {
	to, from := p.off, q.off
	switch p.n {
	case 4:
		for range p.count {
			binary.LittleEndian.PutUint32(dst[to:], binary.LittleEndian.Uint32(src[from:]))
			to, from = to+p.stride, from+q.stride
		}
	case 8:
		for range p.count {
			binary.LittleEndian.PutUint64(dst[to:], binary.LittleEndian.Uint64(src[from:]))
			to, from = to+p.stride, from+q.stride
		}
	default:
		for range p.count {
			copy(dst[to:to+p.n], src[from:])
			to, from = to+p.stride, from+q.stride
		}
	}
}
