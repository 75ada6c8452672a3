package http

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Lines merges the output of a job's ranks without mixing lines. A rank's unfinished line is held
// until its end comes, up to [maxHeld] bytes. It is not safe for concurrent use.
type Lines struct {
	Tag bool // begin each line with "[rank] "
	// Eager writes an unfinished line at once. If another rank writes before its end, a newline is
	// inserted.
	Eager bool

	held map[lineKey][]byte
	size int     // bytes in held
	open lineKey // whose line was written and not finished; its rank is -1 if none was
	some bool    // open is meant
}

type lineKey struct {
	rank   int
	stream string
}

// Bounds on unfinished lines that are held, in bytes.
const (
	maxHeld    = 4 << 20 // of one line
	maxHeldAll = 8 << 20 // of all
)

// Append appends to dst the text that is to be written after event e. The events may be of one
// output stream, or of both.
func (l *Lines) Append(dst []byte, e mpi.JobEvent) []byte {
	switch e.Type {
	case "stdout", "stderr":
	case "exit", "rank-failed":
		for _, stream := range []string{"stdout", "stderr"} {
			dst = l.release(dst, lineKey{e.Rank, stream})
		}
		return dst
	case "end":
		return l.Flush(dst)
	default:
		return dst
	}
	k := lineKey{e.Rank, string(e.Type)}
	in := []byte(e.Text)
	whole := bytes.LastIndexByte(in, '\n') + 1
	if whole > 0 {
		dst = l.release(dst, k)
		dst = l.write(dst, k, in[:whole])
	}
	rest := in[whole:]
	switch {
	case len(rest) == 0:
	case l.Eager || l.some && l.open == k:
		dst = l.write(dst, k, rest)
	default:
		if l.held == nil {
			l.held = map[lineKey][]byte{}
		}
		l.held[k] = append(l.held[k], rest...)
		l.size += len(rest)
		if len(l.held[k]) > maxHeld || l.size > maxHeldAll {
			dst = l.release(dst, k)
		}
	}
	return dst
}

// Flush appends the lines that are held.
func (l *Lines) Flush(dst []byte) []byte {
	keys := make([]lineKey, 0, len(l.held))
	for k := range l.held {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b lineKey) int { return a.rank - b.rank })
	for _, k := range keys {
		dst = l.release(dst, k)
	}
	return dst
}

// Open reports whether the last line written is unfinished.
func (l *Lines) Open() bool { return l.some }

// Ended tells that the caller has ended that line.
func (l *Lines) Ended() { l.some = false }

func (l *Lines) release(dst []byte, k lineKey) []byte {
	text := l.held[k]
	if len(text) == 0 {
		return dst
	}
	delete(l.held, k)
	l.size -= len(text)
	return l.write(dst, k, text)
}

func (l *Lines) write(dst []byte, k lineKey, text []byte) []byte {
	if l.some && l.open != k {
		dst = append(dst, '\n')
		l.some = false
	}
	if !l.Tag {
		dst = append(dst, text...)
	} else {
		for line := range bytes.Lines(text) {
			if !l.some {
				dst = append(dst, '[')
				dst = strconv.AppendInt(dst, int64(k.rank), 10)
				dst = append(dst, "] "...)
			}
			dst = append(dst, line...)
			l.some = false
		}
	}
	l.some, l.open = text[len(text)-1] != '\n', k
	return dst
}
