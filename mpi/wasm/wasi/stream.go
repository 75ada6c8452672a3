package wasi

import "io"

// keep takes what is written to a standard stream for after the program's end.
func (h *Host) keep(f *file, m memory, iovs, count uint64) (n int, e Errno) {
	e = m.vectors(iovs, count, func(b []byte) bool {
		if f.kind == stderrFile {
			h.err.write(b)
		} else if room := h.cfg.Output - len(h.out); len(b) > room {
			h.out = append(h.out, b[:max(room, 0)]...)
			h.end = End{Why: Flooded}
			return false
		} else {
			h.out = append(h.out, b...)
		}
		n += len(b)
		return true
	})
	if h.end.Why != Running {
		return 0, Stop
	}
	return n, e
}

// writeStream gives what is written to w, at once. Of standard error the end is kept all the same.
func (h *Host) writeStream(w io.Writer, m memory, iovs, count uint64, keep bool) (n int, e Errno) {
	var all []byte
	h.gather = h.gather[:0]
	e = m.vectors(iovs, count, func(b []byte) bool {
		if all == nil {
			all = b
			return true
		}
		if len(h.gather) == 0 {
			h.gather = append(h.gather, all...)
		}
		h.gather = append(h.gather, b...)
		all = h.gather
		return true
	})
	if e != Success || len(all) == 0 {
		return 0, e
	}
	if keep {
		h.err.write(all)
	}
	h.enterFiles()
	n, err := w.Write(all)
	if !h.leaveFiles() {
		return 0, Stop
	}
	switch {
	case h.ctx.Err() != nil:
		return 0, h.stop(h.whyContext())
	case err != nil && n <= 0:
		return 0, EIO
	}
	return min(max(n, 0), len(all)), Success
}

// maxEmptyReads is how often in a row a stream may give nothing.
const maxEmptyReads = 100

// readStream reads from standard input, as much as comes at once; 0 bytes are its end.
func (h *Host) readStream(m memory, iovs, count, nread uint64) Errno {
	var into []byte
	e := m.vectors(iovs, count, func(b []byte) bool {
		into = b
		return false
	})
	if e != Success || len(into) == 0 {
		return max(e, m.put32(nread, 0))
	}
	for range maxEmptyReads {
		h.enterFiles()
		n, err := h.cfg.In.Read(into)
		if !h.leaveFiles() {
			return Stop
		}
		switch {
		case h.ctx.Err() != nil:
			return h.stop(h.whyContext())
		case n > 0 || err == io.EOF:
			return m.put32(nread, uint32(min(max(n, 0), len(into))))
		case err != nil:
			return EIO
		}
	}
	return EIO
}
