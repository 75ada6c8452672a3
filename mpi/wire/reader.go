package wire

import (
	"bufio"
	"fmt"
	"io"
)

// chunk is how many bytes a [Reader] allocates for a frame before any of its payload has come.
const chunk = 64 << 10

// Reader takes frames off a stream. It is for one goroutine.
type Reader struct {
	// Hold, if set, is called before a frame takes more than 64 KiB of memory, with the bytes
	// that it is about to take. An error ends the frame. Each frame starts from nothing.
	Hold func(bytes int) error
	// Keep is the size of a buffer that is used again for each frame that fits in it; 0 for none.
	// Such a payload is valid only until the next call of Next, and Hold is not called for it.
	Keep int

	kept  []byte
	br    *bufio.Reader
	limit int
}

// NewReader reads r through a buffer of size bytes and refuses Data and Hello frames of a
// length over limit, until Allow says otherwise.
func NewReader(r io.Reader, size, limit int) *Reader {
	return &Reader{br: bufio.NewReaderSize(r, size), limit: limit}
}

// Allow sets the limit for the frames to come.
func (r *Reader) Allow(limit int) { r.limit = limit }

// Wait returns once the first byte of a frame is there. After an error that is a timeout it may be
// called again.
func (r *Reader) Wait() error {
	_, err := r.br.Peek(1)
	return err
}

// Buffered is how many bytes have been read from the stream and not been returned.
func (r *Reader) Buffered() int { return r.br.Buffered() }

// Next returns the next frame. The caller owns the payload unless Keep is set. The error is
// [io.EOF] only at the end of a frame; within one it is [io.ErrUnexpectedEOF].
func (r *Reader) Next() (Type, []byte, error) {
	n, err := r.length()
	if err != nil {
		return 0, nil, err
	}
	b, err := r.br.ReadByte()
	if err != nil {
		return 0, nil, unexpected(err)
	}
	t := Type(b)
	limit := MaxControl
	if t == TypeData || t == TypeHello {
		limit = r.limit
	}
	if n > uint64(limit) {
		return 0, nil, malformed("%s: a length of %d, at most %d", t, n, limit)
	}
	payload, err := r.body(int(n) - 1)
	if err != nil {
		return 0, nil, unexpected(err)
	}
	return t, payload, nil
}

func (r *Reader) length() (uint64, error) {
	var n uint64
	for i := 0; ; i++ {
		b, err := r.br.ReadByte()
		if err != nil {
			if i == 0 {
				return 0, err
			}
			return 0, unexpected(err)
		}
		if i == 4 && b > 0x07 { // MaxMaxFrame has 31 bits
			return 0, malformed("a length over 31 bits")
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if n == 0 {
				return 0, malformed("a length of 0")
			}
			if b == 0 {
				return 0, malformed("a length longer than it needs to be")
			}
			return n, nil
		}
	}
}

// body reads n bytes. It allocates at most twice what has come, or a chunk, whatever the frame's
// length says.
func (r *Reader) body(n int) ([]byte, error) {
	if n <= r.Keep {
		return r.reuse(n)
	}
	if n <= chunk {
		b := make([]byte, n)
		_, err := io.ReadFull(r.br, b)
		return b, err
	}
	var b []byte
	for have := 0; have < n; {
		size := min(n, max(2*have, chunk))
		if r.Hold != nil {
			if err := r.Hold(size + have); err != nil {
				return nil, fmt.Errorf("wire: no memory for a frame of %d bytes: %w", n, err)
			}
		}
		grown := make([]byte, size)
		copy(grown, b)
		b = grown
		for have < size {
			k, err := io.ReadFull(r.br, b[have:min(size, have+chunk)])
			have += k
			if err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// reuse reads n bytes into the buffer that is kept, or lends those of the stream's buffer if all
// are there. The first buffer is small, as most streams carry only small frames.
func (r *Reader) reuse(n int) ([]byte, error) {
	if n <= r.br.Buffered() {
		b, err := r.br.Peek(n)
		r.br.Discard(n)
		return b[:n:n], err
	}
	if n > cap(r.kept) {
		size := min(4<<10, r.Keep)
		if n > size {
			size = r.Keep
		}
		r.kept = make([]byte, size)
	}
	b := r.kept[:n]
	for have := 0; have < n; {
		k, err := io.ReadFull(r.br, b[have:min(n, have+chunk)])
		have += k
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
