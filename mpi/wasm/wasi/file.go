package wasi

import (
	"io"
	"math"
)

func fdRead(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil || f.noRead {
		return EBADF
	}
	if _, ok := m.at(a[3], 4); !ok {
		return EFAULT
	}
	switch f.kind {
	case stdinFile:
		if h.cfg.In != nil {
			return h.readStream(m, a[1], a[2], a[3])
		}
		return h.readStdin(m, a[1], a[2], a[3])
	case regularFile:
		n, e := h.readFile(f, f.pos, m, a[1], a[2])
		if e != Success {
			return e
		}
		f.pos += int64(n)
		return m.put32(a[3], uint32(n))
	case dirFile:
		return EISDIR
	}
	return EBADF
}

func fdPread(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil || f.noRead {
		return EBADF
	}
	if _, ok := m.at(a[4], 4); !ok {
		return EFAULT
	}
	switch f.kind {
	case stdinFile:
		return ESPIPE
	case regularFile:
		n, e := h.readFile(f, int64(a[3]), m, a[1], a[2])
		if e != Success {
			return e
		}
		return m.put32(a[4], uint32(n))
	case dirFile:
		return EISDIR
	}
	return EBADF
}

// readFile reads at an offset into the guest's buffers, until they are full or the file
// ends. It fails only if it read nothing.
func (h *Host) readFile(f *file, off int64, m memory, iovs, count uint64) (n int, e Errno) {
	if off < 0 {
		return 0, EINVAL
	}
	var bad Errno
	h.enterFiles()
	e = m.vectors(iovs, count, func(b []byte) bool {
		if off > math.MaxInt64-maxIO {
			return false // no file is that long
		}
		k, err := f.readAt(b, off)
		n += k
		off += int64(k)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			if bad = fromError(err); err == errNoSeek {
				bad = ESPIPE
			}
		}
		return err == nil && k == len(b)
	})
	if bad != Success && n == 0 && f.ended(off) {
		bad = Success // some say that it is wrong to read there; to the guest it is the end
	}
	if !h.leaveFiles() {
		return 0, Stop
	}
	if e == Success && n == 0 {
		e = bad
	}
	return n, e
}

// ended reports whether an offset is at or behind the file's end.
func (f *file) ended(off int64) bool {
	info, err := f.open.Stat()
	return err == nil && off >= info.Size()
}

const errNoSeek = noSeek("cannot go back in this file")

type noSeek string

func (e noSeek) Error() string { return string(e) }

// readAt fills b from an offset, in the best way that the file has.
func (f *file) readAt(b []byte, off int64) (int, error) {
	if r, ok := f.open.(io.ReaderAt); ok {
		return r.ReadAt(b, off)
	}
	if off != f.at {
		s, ok := f.open.(io.Seeker)
		if !ok {
			return 0, errNoSeek
		}
		if _, err := s.Seek(off, io.SeekStart); err != nil {
			return 0, err
		}
		f.at = off
	}
	n, err := io.ReadFull(f.open, b)
	f.at += int64(n)
	return n, err
}

// fdSeek moves to an offset from the start (whence 0), from here (1) or from the end (2).
func fdSeek(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	switch {
	case f == nil:
		return EBADF
	case f.kind == dirFile:
		return EISDIR
	case f.kind != regularFile:
		return ESPIPE
	}
	if _, ok := m.at(a[3], 8); !ok {
		return EFAULT
	}
	var from int64
	switch a[2] {
	case 0:
	case 1:
		from = f.pos
	case 2:
		h.enterFiles()
		info, err := f.open.Stat()
		if !h.leaveFiles() {
			return Stop
		}
		if err != nil {
			return fromError(err)
		}
		from = max(info.Size(), 0)
	default:
		return EINVAL
	}
	d := int64(a[1])
	if d > math.MaxInt64-from || from+d < 0 {
		return EINVAL
	}
	f.pos = from + d
	return m.put64(a[3], uint64(f.pos))
}

func fdTell(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	switch {
	case f == nil:
		return EBADF
	case f.kind != regularFile:
		return ESPIPE
	}
	return m.put64(a[1], uint64(f.pos))
}
