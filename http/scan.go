package http

import (
	"encoding/binary"
	"math"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// cborScanner is a place in a CBOR document (RFC 8949). Its methods report false for what is not
// plain: what the documents of messages do not need, or an error, which the cbor package then
// explains. What they take, they take as that package does; a fuzz test compares them.
type cborScanner struct {
	in []byte
	at int
}

// Major types (section 3.1).
const (
	cborUnsigned = 0
	cborNegative = 1
	cborBytes    = 2
	cborText     = 3
	cborArray    = 4
	cborMap      = 5
)

// scanRequest reads the body of POST /v1/messages in one pass.
func scanRequest(in []byte, req *sendRequest) bool {
	s := cborScanner{in: in}
	seen := 0
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "file":
			text, ok := s.text()
			req.File = string(text)
			return ok && once(&seen, 1)
		case "pid":
			v, ok := s.integer()
			req.Pid = &v
			return ok && once(&seen, 2)
		case "expected":
			v, ok := s.integer()
			req.Expected = &v
			return ok && once(&seen, 4)
		case "timeout":
			text, ok := s.text()
			req.Timeout = timeout(text)
			return ok && len(text) > 0 && once(&seen, 8)
		case "messages":
			return once(&seen, 16) && s.messages(&req.Messages)
		}
		return false
	})
	return ok && s.at == len(in)
}

// scanResponse reads the answer to POST /v1/messages where nothing failed.
func scanResponse(in []byte, res *sendResponse) bool {
	s := cborScanner{in: in}
	seen := 0
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "pid":
			v, ok := s.integer()
			res.Pid = v
			return ok && once(&seen, 1)
		case "messages":
			return once(&seen, 2) && s.messages(&res.Messages)
		}
		return false
	})
	return ok && s.at == len(in)
}

// once reports whether a key's bit was not in seen, and adds it.
func once(seen *int, bit int) bool {
	first := *seen&bit == 0
	*seen |= bit
	return first
}

// messages reads an array of messages.
func (s *cborScanner) messages(list *[]sendMessage) bool {
	n, ok := s.head(cborArray)
	if !ok || n > mpi.MaxBatch || n > uint64(len(s.in)-s.at) {
		return false
	}
	*list = make([]sendMessage, n)
	for i := range *list {
		if !s.message(&(*list)[i]) {
			return false
		}
	}
	return true
}

func (s *cborScanner) message(m *sendMessage) bool {
	seen := 0
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "from":
			text, ok := s.text()
			m.From = mpi.PeerID(text)
			return ok && once(&seen, 1)
		case "to":
			text, ok := s.text()
			m.To = mpi.PeerID(text)
			return ok && once(&seen, 2)
		case "data":
			b, ok := s.take(cborBytes)
			m.Data = append(make([]byte, 0, len(b)), b...)
			return ok && once(&seen, 4)
		}
		return false
	})
}

// object reads a map whose keys are text.
func (s *cborScanner) object(value func(key []byte) bool) bool {
	n, ok := s.head(cborMap)
	if !ok || n > cborMaxPairs {
		return false
	}
	for range n {
		key, ok := s.text()
		if !ok || !value(key) {
			return false
		}
	}
	return true
}

// text reads a text string of printable ASCII.
func (s *cborScanner) text() ([]byte, bool) {
	b, ok := s.take(cborText)
	for _, c := range b {
		if c < ' ' || c > '~' {
			return nil, false
		}
	}
	return b, ok
}

// take reads a string of the major type, which is a part of the input.
func (s *cborScanner) take(major byte) ([]byte, bool) {
	n, ok := s.head(major)
	if !ok || n > uint64(len(s.in)-s.at) {
		return nil, false
	}
	b := s.in[s.at : s.at+int(n)]
	s.at += int(n)
	return b, true
}

// integer reads an integer of 64 bits.
func (s *cborScanner) integer() (int64, bool) {
	if s.at < len(s.in) && s.in[s.at]>>5 == cborNegative {
		n, ok := s.head(cborNegative)
		return -1 - int64(n), ok && n <= math.MaxInt64
	}
	n, ok := s.head(cborUnsigned)
	return int64(n), ok && n <= math.MaxInt64
}

// head reads the head of an item of the major type: its argument (section 3).
func (s *cborScanner) head(major byte) (uint64, bool) {
	if s.at >= len(s.in) || s.in[s.at]>>5 != major {
		return 0, false
	}
	info := s.in[s.at] & 0x1f
	rest := s.in[s.at+1:]
	if info < 24 {
		s.at++
		return uint64(info), true
	}
	if info > 27 {
		return 0, false // of indefinite length, or reserved
	}
	size := 1 << (info - 24)
	if len(rest) < size {
		return 0, false
	}
	s.at += 1 + size
	var b [8]byte
	copy(b[8-size:], rest[:size])
	return binary.BigEndian.Uint64(b[:]), true
}
