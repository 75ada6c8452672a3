package wasi

import (
	"crypto/rand"
	"io"
	"runtime"
)

func procExit(h *Host, _ memory, a *Args) Errno {
	return h.stop(End{Why: Exited, Code: uint32(a[0])})
}

// procRaise: there are no signals. wasi-libc does not import it; abort() is a trap.
func procRaise(*Host, memory, *Args) Errno { return ENOSYS }

func schedYield(*Host, memory, *Args) Errno {
	runtime.Gosched()
	return Success
}

// randomGet fills at most all of the memory, in pieces so that a program whose context is
// over does not go on for long.
func randomGet(h *Host, m memory, a *Args) Errno {
	b, ok := m.at(a[0], a[1])
	if !ok {
		return EFAULT
	}
	src := h.cfg.Random
	if src == nil {
		src = rand.Reader
	}
	for len(b) > 0 {
		if e := h.over(); e != Success {
			return e
		}
		n := min(len(b), maxIO)
		if _, err := io.ReadFull(src, b[:n]); err != nil {
			return EIO
		}
		b = b[n:]
	}
	return Success
}

// noSocket: no descriptor is one.
func noSocket(h *Host, _ memory, a *Args) Errno {
	if h.file(a[0]) == nil {
		return EBADF
	}
	return ENOTSOCK
}
