package wasi

import "bytes"

// readStdin gives what is left of standard input; 0 bytes are its end.
func (h *Host) readStdin(m memory, iovs, count, nread uint64) Errno {
	n := 0
	e := m.vectors(iovs, count, func(b []byte) bool {
		k := copy(b, h.in)
		h.in = h.in[k:]
		n += k
		return k == len(b)
	})
	if e != Success {
		return e
	}
	return m.put32(nread, uint32(n))
}

// What is kept of standard error.
const (
	MaxStderr = 64 << 10 // bytes, the last ones
	MaxLine   = 4 << 10  // bytes of a line given to Config.Stderr
	MaxLines  = 256      // lines given to Config.Stderr
)

// stderr keeps the end of what is written, and gives out its lines.
type stderr struct {
	line func(string) // nil for nobody
	kept []byte       // at most 2·MaxStderr
	part []byte       // of a line without its end; at most MaxLine
	said int          // lines given to line
}

func (s *stderr) write(b []byte) {
	s.lines(b)
	if len(b) >= MaxStderr {
		s.kept = append(s.kept[:0], b[len(b)-MaxStderr:]...)
		return
	}
	if len(s.kept)+len(b) > 2*MaxStderr {
		s.kept = append(s.kept[:0], s.tail()...)
	}
	s.kept = append(s.kept, b...)
}

func (s *stderr) tail() []byte { return s.kept[max(len(s.kept)-MaxStderr, 0):] }

func (s *stderr) lines(b []byte) {
	for s.line != nil && s.said < MaxLines {
		end := bytes.IndexByte(b, '\n')
		text := b
		if end >= 0 {
			text = b[:end]
		}
		s.part = append(s.part, text[:min(len(text), MaxLine-len(s.part))]...)
		if end < 0 {
			return
		}
		s.say()
		b = b[end+1:]
	}
}

func (s *stderr) say() {
	s.said++
	s.line(string(s.part))
	s.part = s.part[:0]
}

// flush gives out a last line that has no end.
func (s *stderr) flush() {
	if s.line != nil && len(s.part) > 0 && s.said < MaxLines {
		s.say()
	}
}
