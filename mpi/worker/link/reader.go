package link

import (
	"encoding/binary"
	"io"
)

// Reader takes frames off a socket. It is for one goroutine.
type Reader struct {
	r          io.Reader
	buf        []byte
	begin, end int // of what was read and not yet returned
}

// readAhead is how much a [Reader] reads at a time, and its buffer.
const readAhead = 256 << 10

// NewReader reads r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, buf: make([]byte, 4<<10)} }

// Next returns the next frame. The payload is valid until the next call. The error is [io.EOF] only
// where a frame could have begun.
func (r *Reader) Next() (Type, []byte, error) {
	if err := r.fill(headBytes); err != nil {
		return 0, nil, err
	}
	n := int64(binary.LittleEndian.Uint32(r.buf[r.begin:]))
	t := Type(r.buf[r.begin+4])
	switch {
	case names[t] == "":
		return 0, nil, malformed("there is no %s", t)
	case n < 1:
		return 0, nil, malformed("%s: a length of 0", t)
	case n-1 > int64(t.Max()):
		return 0, nil, malformed("%s: %d bytes, at most %d", t, n-1, t.Max())
	}
	if err := r.fill(4 + int(n)); err != nil {
		return 0, nil, err
	}
	payload := r.buf[r.begin+headBytes : r.begin+4+int(n) : r.begin+4+int(n)]
	r.begin += 4 + int(n)
	return t, payload, nil
}

// Buffered reports whether at least a part of the next frame is here already.
func (r *Reader) Buffered() bool { return r.end > r.begin }

// fill reads until n bytes are there.
func (r *Reader) fill(n int) error {
	for r.end-r.begin < n {
		r.makeRoom(n)
		k, err := r.r.Read(r.buf[r.end:])
		r.end += k
		if err != nil && r.end-r.begin < n {
			if err == io.EOF && r.end > r.begin {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// makeRoom makes the buffer hold n bytes from begin, with room behind what was read. The buffer
// grows once it was filled, so that a worker that says little takes little.
func (r *Reader) makeRoom(n int) {
	if r.begin == r.end {
		r.begin, r.end = 0, 0
	}
	full := r.begin == 0 && r.end == len(r.buf)
	switch {
	case r.begin+n <= len(r.buf) && r.end < len(r.buf):
		return
	case n > len(r.buf) || full && len(r.buf) < readAhead:
		grown := make([]byte, max(n, min(4*len(r.buf), readAhead)))
		copy(grown, r.buf[r.begin:r.end])
		r.buf, r.end = grown, r.end-r.begin
	default:
		copy(r.buf, r.buf[r.begin:r.end])
		r.end -= r.begin
	}
	r.begin = 0
}
