package mpi

import "math"

// document is an envelope as it came, before its rules are checked.
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

// scanDocument reads the documents that programs write, many times faster than encoding/json. It is false for
// anything that is not plain: other keys, escapes, fractions, or an error, which encoding/json then explains. What
// it takes, it takes as encoding/json does; a fuzz test compares them.
func scanDocument(in []byte) (doc document, ok bool) {
	s := scanner{in: in}
	ok = s.object(func(key string) bool {
		switch key {
		case "Pid":
			return s.pid(&doc.Pid)
		case "messages":
			if doc.Messages != nil {
				return false
			}
			doc.Messages = []documentItem{}
			return s.array(func() bool {
				doc.Messages = append(doc.Messages, documentItem{})
				return s.item(&doc.Messages[len(doc.Messages)-1])
			})
		}
		return false
	})
	s.space()
	return doc, ok && s.at == len(in)
}

// scanner is a place in a JSON text. Its methods are false for what is not plain.
type scanner struct {
	in []byte
	at int
}

func (s *scanner) item(m *documentItem) bool {
	return s.object(func(key string) bool {
		switch key {
		case "Pid":
			return s.pid(&m.Pid)
		case "To":
			text, ok := s.text()
			m.To = PeerID(text)
			return ok
		case "From":
			text, ok := s.text()
			m.From = PeerID(text)
			return ok
		case "Data":
			return m.Data == nil && s.data(&m.Data)
		}
		return false
	})
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

func (s *scanner) object(value func(key string) bool) bool {
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
func (s *scanner) text() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	for i := s.at; i < len(s.in); i++ {
		switch c := s.in[i]; {
		case c == '"':
			text := string(s.in[s.at:i])
			s.at = i + 1
			return text, true
		case c < ' ' || c > '~' || c == '\\':
			return "", false
		}
	}
	return "", false
}

func (s *scanner) pid(p **int64) bool {
	s.space()
	negative := s.at < len(s.in) && s.in[s.at] == '-'
	if negative {
		s.at++
	}
	v, ok := s.digits(math.MaxInt64 / 10) // a larger one is left to encoding/json
	if negative {
		v = -v
	}
	*p = &v
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
		if v = v*10 + int64(c-'0'); v > most {
			return 0, false
		}
	}
	n := s.at - begin
	plain := s.at == len(s.in) || s.in[s.at] != '.' && s.in[s.at] != 'e' && s.in[s.at] != 'E'
	return v, n > 0 && (n == 1 || s.in[begin] != '0') && plain
}

// data is an array of numbers from 0 to 255.
func (s *scanner) data(b *Bytes) bool {
	*b = make(Bytes, 0, min(len(s.in)-s.at, 4<<10)/2)
	return s.array(func() bool {
		s.space()
		v, ok := s.digits(255)
		*b = append(*b, byte(v))
		return ok
	})
}
