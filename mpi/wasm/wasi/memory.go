package wasi

import "encoding/binary"

// memory is the guest's linear memory for the length of one call. Offsets and lengths
// are 32-bit values of the guest in 64 bits, so that their sums and products are exact.
// WebAssembly is little-endian everywhere.
type memory struct {
	b     []byte
	guard uint64 // bytes at address 0 that must not be touched
}

// at is the n bytes at p, or nil and false if some of them are not there or must not be touched.
func (m memory) at(p, n uint64) ([]byte, bool) {
	if n > uint64(len(m.b)) || p > uint64(len(m.b))-n || p < m.guard && n > 0 {
		return nil, false
	}
	return m.b[p : p+n : p+n], true
}

func (m memory) put32(p uint64, v uint32) Errno {
	b, ok := m.at(p, 4)
	if !ok {
		return EFAULT
	}
	binary.LittleEndian.PutUint32(b, v)
	return Success
}

func (m memory) put64(p uint64, v uint64) Errno {
	b, ok := m.at(p, 8)
	if !ok {
		return EFAULT
	}
	binary.LittleEndian.PutUint64(b, v)
	return Success
}

// Bounds of one scatter or gather.
const (
	maxIovecs = 1024 // IOV_MAX of every libc
	// bytes moved by one call; a short count is for the guest's libc to continue
	maxIO = 1 << 20
)

// vectors checks the array of n iovecs (or ciovecs) at p and calls do with the memory
// that each describes, until do returns false or maxIO bytes have been given to it.
// Nothing is given to do before every iovec has been checked.
//
//	iovec: |buf u32|len u32|   8 bytes
func (m memory) vectors(p, n uint64, do func(b []byte) bool) Errno {
	if n > maxIovecs {
		return EINVAL
	}
	list, ok := m.at(p, n*8)
	if !ok {
		return EFAULT
	}
	// The list may lie within the buffers that it describes, so it is read once, and
	// what was checked is what is used.
	var few [8]span
	spans := few[:0]
	room := uint64(maxIO)
	for ; len(list) > 0; list = list[8:] {
		s := span{uint64(binary.LittleEndian.Uint32(list)), uint64(binary.LittleEndian.Uint32(list[4:]))}
		if _, ok := m.at(s.at, s.len); !ok {
			return EFAULT
		}
		s.len = min(s.len, room)
		room -= s.len
		spans = append(spans, s)
	}
	for _, s := range spans {
		if s.len > 0 && !do(m.b[s.at:s.at+s.len:s.at+s.len]) {
			break
		}
	}
	return Success
}

type span struct{ at, len uint64 }
