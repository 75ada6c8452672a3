package mpi

import (
	"bytes"
	"math"
)

// ListsOver reports whether a list of a JSON document, such as an envelope's messages, has more
// than most elements. Whoever decodes a document of others asks first: elements take more memory
// than their text.
func ListsOver(in []byte, most int) bool {
	if len(in) < most {
		return false // too short for so many commas
	}
	depth, commas, inString := 0, 0, false
	for i := 0; i < len(in); i++ {
		c := in[i]
		if inString {
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
			continue
		}
		switch c {
		case '"':
			inString = true
		case '[', '{':
			if depth++; depth == 2 {
				commas = 0
			}
		case ']', '}':
			depth--
		case ',':
			if depth != 2 {
				continue
			}
			if commas++; commas >= most {
				return true
			}
		}
	}
	return false
}

// document is an envelope before its rules are checked.
type document struct {
	Pid      *int64         `json:"Pid"`
	Messages []documentItem `json:"messages"`
}

type documentItem struct {
	Pid  *int64 `json:"Pid"`
	To   PeerID `json:"To"`
	From PeerID `json:"From"`
	Data Bytes  `json:"Data"`
}

// scanned is an envelope that was read, and which Pids were present in it.
type scanned struct {
	env Envelope
	pid bool    // the envelope's Pid was present
	has []inner // the messages whose Pid was present
}

// inner is the Pid of one message.
type inner struct {
	index int
	pid   int64
}

// scanEnvelope reads the documents that programs write, many times faster than encoding/json and in
// one pass. It reports false for anything that is not plain: other keys, keys that occur twice,
// escapes, fractions, or an error, which encoding/json and [Shape] then explain. What it takes, it
// takes as encoding/json does; a fuzz test compares them.
func scanEnvelope(in []byte) (doc scanned, ok bool) {
	s := scanner{in: in}
	ok = s.object(func(key []byte) bool {
		switch string(key) {
		case "Pid":
			return first(&doc.pid) && s.pid(&doc.env.Pid)
		case "messages":
			if doc.env.Messages != nil {
				return false
			}
			// Each message has a brace: room for all of them at once, not for some many times.
			doc.env.Messages = make([]Message, 0, max(min(bytes.Count(in[s.at:], []byte("{")), MaxBatch), 1))
			return s.array(func() bool {
				doc.env.Messages = append(doc.env.Messages, Message{})
				return s.message(&doc)
			})
		}
		return false
	})
	s.space()
	return doc, ok && s.at == len(in)
}

// scanner is a position in a JSON text. Its methods return false for what is not plain.
type scanner struct {
	in []byte
	at int
}

// message reads the last of the document's messages.
func (s *scanner) message(doc *scanned) bool {
	last := len(doc.env.Messages) - 1
	m := &doc.env.Messages[last]
	pid, to, from := false, false, false
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "Pid":
			return first(&pid) && s.pid(&m.Pid)
		case "To":
			text, ok := s.text()
			m.To = PeerID(text)
			return ok && first(&to)
		case "From":
			text, ok := s.text()
			m.From = PeerID(text)
			return ok && first(&from)
		case "Data":
			return m.Data == nil && s.data(&m.Data)
		}
		return false
	})
	if pid {
		doc.has = append(doc.has, inner{last, m.Pid})
	}
	return ok
}

// first notes that a key was seen, and reports whether it had not been.
func first(seen *bool) bool {
	was := *seen
	*seen = true
	return !was
}

func (s *scanner) space() {
	for s.at < len(s.in) {
		switch s.in[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// take skips white space and then c.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.in) && s.in[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(value func(key []byte) bool) bool {
	return s.list('{', '}', func() bool {
		key, ok := s.text()
		return ok && s.take(':') && value(key)
	})
}

func (s *scanner) array(value func() bool) bool { return s.list('[', ']', value) }

func (s *scanner) list(open, end byte, item func() bool) bool {
	if !s.take(open) {
		return false
	}
	if s.take(end) {
		return true
	}
	for item() {
		if s.take(end) {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
	return false
}

// text is a string of printable ASCII without escapes.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	for i := s.at; i < len(s.in); i++ {
		switch c := s.in[i]; {
		case c == '"':
			text := s.in[s.at:i]
			s.at = i + 1
			return text, true
		case c < ' ' || c > '~' || c == '\\':
			return nil, false
		}
	}
	return nil, false
}

func (s *scanner) pid(p *int64) bool {
	s.space()
	negative := s.at < len(s.in) && s.in[s.at] == '-'
	if negative {
		s.at++
	}
	v, ok := s.digits(math.MaxInt64 / 10) // a larger one is left to encoding/json
	if negative {
		v = -v
	}
	*p = v
	return ok
}

// digits is a whole number up to most, without a leading zero, a fraction or an exponent.
func (s *scanner) digits(most int64) (v int64, ok bool) {
	begin := s.at
	for ; s.at < len(s.in); s.at++ {
		c := s.in[s.at]
		if c < '0' || c > '9' {
			break
		}
		if v > most/10 {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	n := s.at - begin
	if v > most {
		return 0, false
	}
	plain := s.at == len(s.in) || s.in[s.at] != '.' && s.in[s.at] != 'e' && s.in[s.at] != 'E'
	return v, n > 0 && (n == 1 || s.in[begin] != '0') && plain
}

// data is an array of numbers from 0 to 255. This loop is where most of the time of a scan goes.
func (s *scanner) data(b *Bytes) bool {
	if !s.take('[') {
		return false
	}
	// Nothing but numbers is before the end: n bytes of text are at most half as many items.
	n := bytes.IndexByte(s.in[s.at:], ']')
	if n < 0 {
		return false
	}
	out := make(Bytes, 0, (min(n, 4<<10)+1)/2)
	if s.take(']') {
		*b = out
		return true
	}
	for in, at := s.in, s.at; ; {
		// The common item: 1 to 3 digits and the comma, nothing between.
		for at+3 < len(in) {
			v, n := uint(in[at]-'0'), 1
			if v > 9 {
				break
			}
			if c := uint(in[at+1] - '0'); c <= 9 && v != 0 {
				v, n = 10*v+c, 2
				if c := uint(in[at+2] - '0'); c <= 9 {
					v, n = 10*v+c, 3
				}
			}
			if in[at+n] != ',' || v > 255 {
				break
			}
			out = append(out, byte(v))
			at += n + 1
		}
		for at < len(in) && in[at] <= ' ' {
			if c := in[at]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				return false
			}
			at++
		}
		begin, v := at, uint(0)
		for at < len(in) && at-begin < 4 && in[at]-'0' <= 9 {
			v = 10*v + uint(in[at]-'0')
			at++
		}
		// No digits, a leading zero, or over the most that a byte holds; four digits are always
		// that.
		if n := at - begin; n == 0 || n > 1 && in[begin] == '0' || v > 255 || at == len(in) {
			return false
		}
		out = append(out, byte(v))
		if in[at] == ',' {
			at++
			continue
		}
		s.at = at
		if s.take(']') {
			*b = out
			return true
		}
		if !s.take(',') {
			return false
		}
		at = s.at
	}
}
