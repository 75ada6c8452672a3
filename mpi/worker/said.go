package worker

import (
	"errors"
	"os"
	"strings"
)

// What is kept of a worker's standard error: the beginning, where a panic says why, and the end,
// where the engine does. What follows the first MiB is not read; the worker's writes are dropped
// then, for its end of the pipe does not block.
const (
	saidFirst = 4 << 10
	saidLast  = 4 << 10
	saidMost  = 1 << 20
)

// said keeps the beginning and the end of what is written to it.
type said struct {
	first, last []byte
	omitted     int
}

func (s *said) write(b []byte) {
	n := min(len(b), saidFirst-len(s.first))
	s.first = append(s.first, b[:n]...)
	s.last = append(s.last, b[n:]...)
	if over := len(s.last) - saidLast; over > 0 {
		s.omitted += over
		s.last = append(s.last[:0], s.last[over:]...)
	}
}

// String is what was kept, without what a terminal would take for more than text.
func (s *said) String() string {
	var b strings.Builder
	b.Write(s.first)
	if s.omitted > 0 {
		b.WriteString("\n…\n")
	}
	b.Write(s.last)
	return strings.TrimSpace(printable(b.String()))
}

// listen reads what a worker writes to standard error, to its end or saidMost bytes. Once a read is
// given up, for the process has ended, it takes what is there still and returns: another process
// may hold the pipe.
func listen(f *os.File) string {
	var s said
	if f == nil {
		return ""
	}
	buf := make([]byte, 4<<10)
	read := f.Read
	for total := 0; total < saidMost; {
		n, err := read(buf)
		s.write(buf[:n])
		total += n
		switch {
		case err == nil && n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded):
			read = func(b []byte) (int, error) { return readNow(f, b) }
		default:
			return s.String()
		}
	}
	return s.String()
}
