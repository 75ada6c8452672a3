package handler

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// The document is {"Pid": n, "messages": [{"Pid": n, "To": s, "From": s, "Data": [0–255, …]}, …]}.
// The scanner accepts any JSON spelling of it and skips unknown keys, which later nodes may add.
// The writer escapes only what JSON requires.

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 64

type scanner struct {
	in  []byte
	pos int
	err error // the first error; after it every method does nothing
}

func decode(in []byte) (pid int64, messages []Message, err error) {
	s := &scanner{in: in}
	s.object(func(key string) {
		switch key {
		case "Pid":
			pid = s.integer()
		case "messages":
			s.array(func() { messages = append(messages, s.message()) })
		default:
			s.skip(maxDepth)
		}
	})
	if s.peek(); s.err == nil && s.pos < len(s.in) {
		s.fail("more after its end")
	}
	return pid, messages, s.err
}

func (s *scanner) message() (m Message) {
	s.object(func(key string) {
		switch key {
		case "Pid":
			m.Pid = s.integer()
		case "To":
			m.To = s.text()
		case "From":
			m.From = s.text()
		case "Data":
			m.Data = s.data()
		default:
			s.skip(maxDepth)
		}
	})
	return m
}

func (s *scanner) fail(what string) {
	if s.err == nil {
		s.err = errors.New("handler: standard input is not the JSON of a message: " + what + " at byte " + strconv.Itoa(s.pos))
	}
}

// peek returns the next byte that is not white space, without consuming it; 0 at the end or after
// an error.
func (s *scanner) peek() byte {
	if s.err != nil {
		return 0
	}
	for ; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take consumes c if it is the next byte.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) literal(word string) bool {
	if s.peek() != word[0] || s.pos+len(word) > len(s.in) || string(s.in[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *scanner) object(member func(key string)) {
	s.list('{', '}', "an object", func() {
		key := s.text()
		if !s.take(':') {
			s.fail("no colon")
		}
		member(key)
	})
}

func (s *scanner) array(item func()) { s.list('[', ']', "an array", item) }

func (s *scanner) list(open, close byte, what string, item func()) {
	if !s.take(open) {
		s.fail("not " + what)
	}
	if s.take(close) {
		return
	}
	for s.err == nil {
		item()
		if s.take(close) {
			return
		}
		if !s.take(',') {
			s.fail("no comma")
		}
	}
}

func (s *scanner) integer() int64 {
	s.peek()
	start := s.pos
	for s.pos < len(s.in) && (s.in[s.pos] == '-' || '0' <= s.in[s.pos] && s.in[s.pos] <= '9') {
		s.pos++
	}
	v, err := strconv.ParseInt(string(s.in[start:s.pos]), 10, 64)
	if err != nil {
		s.fail("not a whole number")
	}
	return v
}

// data reads an array of numbers from 0 to 255, or null. It is most of the document, so it looks at
// each byte only once.
func (s *scanner) data() []byte {
	if s.literal("null") {
		return nil
	}
	if !s.take('[') {
		s.fail("Data is not an array")
		return nil
	}
	out := make([]byte, 0, 64)
	if s.take(']') {
		return out
	}
	for {
		s.peek()
		v, digits := 0, 0
		for ; s.pos < len(s.in) && digits < 4; digits++ {
			c := s.in[s.pos] - '0'
			if c > 9 {
				break
			}
			v = v*10 + int(c)
			s.pos++
		}
		if digits == 0 || v > 255 || digits > 3 {
			s.fail("Data is not numbers from 0 to 255")
			return nil
		}
		out = append(out, byte(v))
		switch {
		case s.take(','):
		case s.take(']'):
			return out
		default:
			s.fail("Data has no comma")
			return nil
		}
	}
}

// text reads a string. JSON is UTF-8 (RFC 8259, section 8.1); nothing is changed in silence.
func (s *scanner) text() string {
	t := s.quoted()
	if !utf8.ValidString(t) {
		s.fail("a string that is not UTF-8")
	}
	return t
}

func (s *scanner) quoted() string {
	if !s.take('"') {
		s.fail("not a string")
		return ""
	}
	start := s.pos
	for ; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			return string(s.in[start : s.pos-1])
		case c == '\\':
			return s.escaped(append([]byte(nil), s.in[start:s.pos]...))
		case c < ' ':
			s.fail("a control character")
			return ""
		}
	}
	s.fail("a string without end")
	return ""
}

// escaped reads a string from a backslash on; out is the text before it.
func (s *scanner) escaped(out []byte) string {
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	for s.pos < len(s.in) {
		c := s.in[s.pos]
		s.pos++
		if c == '"' {
			return string(out)
		}
		if c < ' ' {
			s.fail("a control character")
			return ""
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if s.pos == len(s.in) {
			break
		}
		e := s.in[s.pos]
		s.pos++
		if e == 'u' {
			out = utf8.AppendRune(out, s.unicode())
			continue
		}
		i := 0
		for i < len(from) && from[i] != e {
			i++
		}
		if i == len(from) {
			s.fail("an unknown escape")
			return ""
		}
		out = append(out, to[i])
	}
	s.fail("a string without end")
	return ""
}

// unicode reads the digits after \u, and the second half of a surrogate pair.
func (s *scanner) unicode() rune {
	r := s.hex4()
	if r < 0xD800 || r > 0xDFFF {
		return r
	}
	if r < 0xDC00 && s.pos+1 < len(s.in) && s.in[s.pos] == '\\' && s.in[s.pos+1] == 'u' {
		mark := s.pos
		s.pos += 2
		if low := s.hex4(); 0xDC00 <= low && low <= 0xDFFF {
			return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
		}
		s.pos = mark // not a pair: the second escape stands for itself
	}
	return utf8.RuneError
}

func (s *scanner) hex4() rune {
	if s.pos+4 > len(s.in) {
		s.fail("a short \\u")
		return 0
	}
	v, err := strconv.ParseUint(string(s.in[s.pos:s.pos+4]), 16, 16)
	if err != nil {
		s.fail("a bad \\u")
		return 0
	}
	s.pos += 4
	return rune(v)
}

// skip skips the value of an unknown key.
func (s *scanner) skip(depth int) {
	if depth == 0 {
		s.fail("nested too deeply")
		return
	}
	switch c := s.peek(); {
	case c == '{':
		s.object(func(string) { s.skip(depth - 1) })
	case c == '[':
		s.array(func() { s.skip(depth - 1) })
	case c == '"':
		s.text()
	case c == '-' || '0' <= c && c <= '9':
		start := s.pos
		for s.pos < len(s.in) && isNumber(s.in[s.pos]) {
			s.pos++
		}
		if _, err := strconv.ParseFloat(string(s.in[start:s.pos]), 64); err != nil && !errors.Is(err, strconv.ErrRange) {
			s.fail("not a number")
		}
	case s.literal("null"), s.literal("true"), s.literal("false"):
	default:
		s.fail("not a value")
	}
}

func isNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func appendEnvelope(dst []byte, pid int64, messages []Message) []byte {
	size := 64
	for _, m := range messages {
		size += 64 + len(m.To) + len(m.From) + 4*len(m.Data)
	}
	if dst == nil {
		dst = make([]byte, 0, size)
	}
	dst = append(dst, `{"Pid":`...)
	dst = strconv.AppendInt(dst, pid, 10)
	dst = append(dst, `,"messages":[`...)
	for i, m := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"Pid":`...)
		dst = strconv.AppendInt(dst, pid, 10)
		dst = append(dst, `,"To":`...)
		dst = appendString(dst, m.To)
		if m.From != "" {
			dst = append(dst, `,"From":`...)
			dst = appendString(dst, m.From)
		}
		dst = append(dst, `,"Data":[`...)
		for j, c := range m.Data {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(c), 10)
		}
		dst = append(dst, `]}`...)
	}
	return append(dst, `]}`...)
}

func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
