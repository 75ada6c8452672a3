package terminal

import "fmt"

// Filter lets through what a program may write to a terminal: text, and the control sequences that colour it and that redraw a line. A
// program that ran on other people's machines must not be able to do more: to set the clipboard, to type.
// Everything else is shown as \x1b and so on.
//
// It is for one stream of bytes, which may be cut anywhere. The zero value is ready.
type Filter struct {
	held []byte // a sequence that has begun, or the first byte of a character that may be a control
}

// maxSequence bounds a control sequence, in bytes.
const maxSequence = 32

// Append adds to dst what of in may be written.
func (f *Filter) Append(dst, in []byte) []byte {
	for _, c := range in {
		dst = f.one(dst, c)
	}
	return dst
}

// Flush adds to dst what was held back.
func (f *Filter) Flush(dst []byte) []byte {
	dst = escape(dst, f.held)
	f.held = f.held[:0]
	return dst
}

const (
	esc = 0x1b
	del = 0x7f
	c1  = 0xc2 // what the controls U+0080 to U+009F begin with in UTF-8
)

func (f *Filter) one(dst []byte, c byte) []byte {
	switch held := len(f.held); {
	case held == 0 && (c == esc || c == c1):
		f.held = append(f.held, c)
		return dst
	case held == 0:
		return plain(dst, c)
	case f.held[0] == c1:
		f.held = f.held[:0]
		if c >= 0x80 && c < 0xa0 {
			return escape(dst, []byte{c1, c})
		}
		return f.one(append(dst, c1), c)
	case held == 1 && c == '[', held > 1 && held < maxSequence && (c >= '0' && c <= '9' || c == ';' || c == ':'):
		f.held = append(f.held, c)
		return dst
	case held > 1 && harmless(c):
		dst = append(append(dst, f.held...), c)
		f.held = f.held[:0]
		return dst
	}
	// Not one of those: its escape is shown, and the rest is the text that it looks like.
	dst = f.Flush(dst)
	return f.one(dst, c)
}

// harmless reports whether the control sequence with that final byte only colours text (SGR), erases in a line (EL) or moves within it
// (CUF, CUB, CHA).
func harmless(final byte) bool {
	switch final {
	case 'm', 'K', 'C', 'D', 'G':
		return true
	}
	return false
}

func plain(dst []byte, c byte) []byte {
	switch {
	case c >= ' ' && c != del, c == '\n', c == '\r', c == '\t', c == '\b':
		return append(dst, c)
	}
	return escape(dst, []byte{c})
}

func escape(dst, in []byte) []byte {
	for _, c := range in {
		if c < ' ' || c >= del {
			dst = fmt.Appendf(dst, `\x%02x`, c)
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
