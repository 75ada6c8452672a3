package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Filter lets through what a program may write to a terminal: text in UTF-8, the control sequences
// that colour it, and those that redraw a line. Colours end with their line, and none hides text,
// so that what follows is seen: what this command says, and the prompt. A program that ran on other
// people's machines must not be able to do more: to set the clipboard, to type, to write elsewhere.
// Everything else is shown as \x1b and so on.
//
// It is for one stream of bytes, which may be cut anywhere. The zero value is ready.
type Filter struct {
	held     []byte // a control sequence that has begun, or the first bytes of a character
	coloured bool   // text is not as it is at first
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

// Flush adds to dst what was held back, and ends colours.
func (f *Filter) Flush(dst []byte) []byte { return f.Plain(f.release(dst)) }

// Plain adds to dst what ends colours, if there are any.
func (f *Filter) Plain(dst []byte) []byte {
	if f.coloured {
		f.coloured = false
		dst = append(dst, "\x1b[0m"...)
	}
	return dst
}

// release adds to dst what was held back, as text.
func (f *Filter) release(dst []byte) []byte {
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
	case held == 0 && c == '\n':
		return append(f.Plain(dst), c)
	case held == 0:
		return plain(dst, c)
	case held == 1 && c == '[', held > 1 && held < maxSequence && (c >= '0' && c <= '9' || c == ';' || c == ':'):
		f.held = append(f.held, c)
		return dst
	case held > 1 && f.harmless(c):
		dst = append(append(dst, f.held...), c)
		f.held = f.held[:0]
		return dst
	}
	// Not one of those: its escape is shown, and the rest is the text that it looks like.
	return f.one(f.release(dst), c)
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
		return f.release(dst)
	default: // c cut it short
		f.held = f.held[:last]
		return f.one(f.release(dst), c)
	}
}

// maxC1 is the last of the controls U+0080 to U+009F.
const maxC1 = 0x9f

// harmless reports whether the control sequence that is held, with that final byte, only erases in
// its line (EL) or colours text (SGR).
func (f *Filter) harmless(final byte) bool {
	switch final {
	case 'K':
		return true
	case 'm':
		ok, plain := colours(string(f.held[2:]))
		if ok {
			f.coloured = !plain
		}
		return ok
	}
	return false
}

// colours reads the parameters of an SGR sequence. ok is false if one of them hides text, or is
// written so that terminals may differ in what it means; plain means that text is as it is at first
// after the sequence.
func colours(params string) (ok, plain bool) {
	list := strings.Split(params, ";")
	for i := 0; i < len(list); i++ {
		head, rest, sub := strings.Cut(list[i], ":")
		n, err := strconv.Atoi(head)
		if head == "" && !sub {
			n, err = 0, nil
		}
		extended := n == 38 || n == 48 || n == 58
		switch {
		case err != nil, n == conceal, n > 107, sub && !extended && n != 4:
			return false, false
		case sub && strings.Trim(rest, "0123456789:") != "":
			return false, false
		case extended && !sub: // 5 and an index, or 2 and three parts of a colour
			skip := 0
			if i+1 < len(list) {
				skip = map[string]int{"5": 2, "2": 4}[list[i+1]]
			}
			if skip == 0 || i+skip >= len(list) {
				return false, false
			}
			for _, v := range list[i+2 : i+skip+1] {
				if k, err := strconv.Atoi(v); err != nil || k > 255 {
					return false, false
				}
			}
			i += skip
		}
		plain = n == 0
	}
	return true, plain
}

// conceal is the parameter of SGR that makes text invisible.
const conceal = 8

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
