package terminal

import (
	"fmt"
	"unicode/utf8"
)

// Filter lets through what a program may write to a terminal: text in UTF-8, and the control
// sequences that colour it and that redraw a line. A program that ran on other people's machines
// must not be able to do more: to set the clipboard, to type. Everything else is shown as \x1b and
// so on.
//
// It is for one stream of bytes, which may be cut anywhere. The zero value is ready.
type Filter struct {
	held []byte // a control sequence that has begun, or the first bytes of a character
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
)

func (f *Filter) one(dst []byte, c byte) []byte {
	switch held := len(f.held); {
	case held == 0 && c == esc:
		f.held = append(f.held, c)
		return dst
	case held == 0 && c >= utf8.RuneSelf, held > 0 && f.held[0] >= utf8.RuneSelf:
		return f.character(dst, c)
	case held == 0:
		return plain(dst, c)
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

// character takes a byte of a character of several. Terminals differ in what they make of bytes
// that are no UTF-8: some obey 0x80 to 0x9f, the controls of one byte.
func (f *Filter) character(dst []byte, c byte) []byte {
	f.held = append(f.held, c)
	if !utf8.FullRune(f.held) {
		return dst
	}
	r, n := utf8.DecodeRune(f.held)
	switch last := len(f.held) - 1; {
	case n > 1 && r > maxC1:
		dst = append(dst, f.held...)
		f.held = f.held[:0]
		return dst
	case n > 1 || last == 0: // a control, or a byte that begins nothing
		return f.Flush(dst)
	default: // c cut it short
		f.held = f.held[:last]
		return f.one(f.Flush(dst), c)
	}
}

// maxC1 is the last of the controls U+0080 to U+009F.
const maxC1 = 0x9f

// harmless reports whether the control sequence with that final byte only colours text (SGR),
// erases in a line (EL) or moves within it (CUF, CUB, CHA).
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
