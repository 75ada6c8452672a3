package wasi

import (
	"math"
	"time"
)

// fdWrite serves standard output and error, and files of the scratch.
func fdWrite(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil || f.kind == stdinFile || f.kind >= regularFile && f.node == nil {
		return EBADF
	}
	if _, ok := m.at(a[3], 4); !ok {
		return EFAULT
	}
	var n int
	var e Errno
	switch {
	case f.kind == regularFile:
		n, e = h.writeFile(f, m, a[1], a[2])
	case f.kind == stdoutFile && h.cfg.Out != nil:
		n, e = h.writeStream(h.cfg.Out, m, a[1], a[2], false)
	case f.kind == stderrFile && h.cfg.Err != nil:
		n, e = h.writeStream(h.cfg.Err, m, a[1], a[2], true)
	default:
		n, e = h.keep(f, m, a[1], a[2])
	}
	if e != Success {
		return e
	}
	return m.put32(a[3], uint32(n))
}

// openNode makes an open file of a node.
func (h *Host) openNode(n *node, name string, rights uint64) *file {
	f := &file{kind: regularFile, name: name, open: h.scratch.openNode(n, name)}
	if rights&rightWrite != 0 {
		f.node, f.noRead = n, rights&rightRead == 0
	}
	return f
}

// openToWrite opens a file that is there.
func (h *Host) openToWrite(name string, how, rights uint64) (*file, Errno) {
	n, err := h.scratch.copyUp(name, how&openTruncate == 0)
	if err == nil && how&openTruncate != 0 {
		err = h.scratch.resize(n, 0)
	}
	if err != nil {
		return nil, fromError(err)
	}
	return h.openNode(n, name, rights), Success
}

// writeFile writes where the file stands, or at its end if it was opened to append.
func (h *Host) writeFile(f *file, m memory, iovs, count uint64) (int, Errno) {
	off := f.pos
	if f.flags&fdAppend != 0 {
		off = int64(len(f.node.data))
	}
	n, e := h.writeAt(f, off, m, iovs, count)
	if e == Success {
		f.pos = off + int64(n)
	}
	return n, e
}

// writeAt writes at an offset, until all is written or there is no more room. It fails only if it
// wrote nothing.
func (h *Host) writeAt(f *file, off int64, m memory, iovs, count uint64) (n int, e Errno) {
	var bad error
	e = m.vectors(iovs, count, func(b []byte) bool {
		k, err := h.scratch.write(f.node, b, off+int64(n))
		n += k
		bad = err
		return k == len(b)
	})
	if e == Success && n == 0 {
		e = fromError(bad)
	}
	return n, e
}

func fdPwrite(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	switch {
	case f != nil && (f.kind == stdoutFile || f.kind == stderrFile):
		return ESPIPE
	case f == nil || f.node == nil:
		return EBADF
	case int64(a[3]) < 0 || int64(a[3]) > math.MaxInt64-maxIO:
		return EINVAL
	}
	if _, ok := m.at(a[4], 4); !ok {
		return EFAULT
	}
	n, e := h.writeAt(f, int64(a[3]), m, a[1], a[2])
	if e != Success {
		return e
	}
	return m.put32(a[4], uint32(n))
}

// toWrite is the file of that number, if it is open for writing.
func (h *Host) toWrite(fd uint64) (*file, Errno) {
	f := h.file(fd)
	switch {
	case f == nil:
		return nil, EBADF
	case f.kind < regularFile:
		return nil, EINVAL
	case h.scratch == nil:
		return nil, EROFS
	case f.node == nil:
		return nil, EBADF
	}
	return f, Success
}

func fdSetSize(h *Host, _ memory, a *Args) Errno {
	f, e := h.toWrite(a[0])
	if e != Success {
		return e
	}
	return fromError(h.scratch.resize(f.node, int64(a[1])))
}

// fdAllocate makes a file at least as long as offset and length say.
func fdAllocate(h *Host, _ memory, a *Args) Errno {
	f, e := h.toWrite(a[0])
	switch {
	case e != Success:
		return e
	case int64(a[1]) < 0 || int64(a[2]) <= 0 || a[1]+a[2] > math.MaxInt64:
		return EINVAL
	case int64(a[1]+a[2]) <= int64(len(f.node.data)):
		return Success
	}
	return fromError(h.scratch.resize(f.node, int64(a[1]+a[2])))
}

// Flags of the functions that set times. Access times are not kept.
const (
	setAccess    = 1 << 0
	setAccessNow = 1 << 1
	setChange    = 1 << 2
	setChangeNow = 1 << 3
)

func (h *Host) setTimes(n *node, change, flags uint64) Errno {
	switch {
	case flags > 15, flags&setAccess != 0 && flags&setAccessNow != 0, flags&setChange != 0 && flags&setChangeNow != 0:
		return EINVAL
	case flags&setChangeNow != 0:
		n.time = h.clock.Now()
	case flags&setChange != 0:
		n.time = time.Unix(0, int64(min(change, math.MaxInt64)))
	}
	return Success
}

func fdSetTimes(h *Host, _ memory, a *Args) Errno {
	f, e := h.toWrite(a[0])
	if e != Success {
		return e
	}
	return h.setTimes(f.node, a[2], a[3])
}
