package mpi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Message is one message of the JSON API.
type Message struct {
	Pid  int64  `json:"Pid"`
	To   PeerID `json:"To"`
	From PeerID `json:"From"`
	Data Bytes  `json:"Data"`
}

// Envelope is the JSON document that requests, responses, and the standard input and output of
// handlers share.
type Envelope struct {
	Pid      int64     `json:"Pid"`
	Messages []Message `json:"messages"`
}

// Bytes is data that JSON spells as an array of numbers from 0 to 255, not as base64. Absent
// and null mean empty.
type Bytes []byte

// MarshalJSON implements [json.Marshaler].
func (b Bytes) MarshalJSON() ([]byte, error) { return b.AppendJSON(make([]byte, 0, 2+4*len(b))), nil }

// AppendJSON appends the array to dst.
func (b Bytes) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, 2+4*len(b))
	dst = append(dst, '[')
	end := len(dst)
	dst = dst[:cap(dst)]
	for _, c := range b {
		item := &numbers[c]
		*(*[4]byte)(dst[end:]) = item.text // the grown buffer has room for 4 bytes of each item
		end += int(item.len)
	}
	if len(b) > 0 {
		end-- // the comma after the last
	}
	return append(dst[:end], ']')
}

// number is a byte as an item of an array, with the comma after it.
type number struct {
	text [4]byte
	len  uint8
}

// numbers has the item of each byte.
var numbers = func() (all [256]number) {
	for i := range all {
		all[i].len = uint8(copy(all[i].text[:], strconv.Itoa(i)+","))
	}
	return all
}()

// UnmarshalJSON implements [json.Unmarshaler].
func (b *Bytes) UnmarshalJSON(in []byte) error {
	if bytes.Equal(in, []byte("null")) {
		*b = nil
		return nil
	}
	if len(in) < 2 || in[0] != '[' {
		return fmt.Errorf(`Data must be an array of numbers from 0 to 255, such as [12, 32, 40]; it begins with %q`, clip(in))
	}
	in = in[1 : len(in)-1] // json has checked the syntax
	out := make([]byte, 0, len(in)/4+1)
	for len(in) > 0 {
		end := bytes.IndexByte(in, ',')
		item := in
		if end >= 0 {
			item, in = in[:end], in[end+1:]
		} else {
			in = nil
		}
		item = bytes.Trim(item, " \t\r\n")
		if len(item) == 0 && len(out) == 0 && in == nil {
			break // an empty array with white space in it
		}
		v, ok := parseByte(item)
		if !ok {
			return fmt.Errorf("Data[%d] is %s: it must be a whole number from 0 to 255", len(out), clip(item))
		}
		out = append(out, v)
	}
	*b = out
	return nil
}

func parseByte(s []byte) (byte, bool) {
	if len(s) == 0 || len(s) > 3 {
		return 0, false
	}
	v := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return byte(v), v <= 255
}

func clip(s []byte) []byte { return s[:min(len(s), 40)] }

// DecodeEnvelope reads exactly one envelope. A message without a Pid gets the envelope's; another
// Pid than that is an error. An envelope without a Pid gets *pid; if pid is nil, that is an error.
// To and From are not checked.
func DecodeEnvelope(in []byte, pid *int64) (Envelope, error) {
	doc, plain := scanEnvelope(in)
	if !plain {
		var err error
		if doc, err = unmarshalEnvelope(in); err != nil {
			return Envelope{}, err
		}
	}
	env := doc.env
	if !doc.pid {
		if pid == nil {
			return Envelope{}, fmt.Errorf("Pid is missing: it must be a whole number")
		}
		env.Pid = *pid
	}
	for _, m := range doc.has {
		if m.pid != env.Pid {
			return Envelope{}, fmt.Errorf("messages[%d].Pid is %d, and Pid is %d: they must be the same", m.index, m.pid, env.Pid)
		}
	}
	for i := range env.Messages {
		env.Messages[i].Pid = env.Pid
	}
	if env.Messages == nil {
		env.Messages = []Message{}
	}
	return env, nil
}

// unmarshalEnvelope reads any envelope, with encoding/json.
func unmarshalEnvelope(in []byte) (scanned, error) {
	if len(bytes.TrimSpace(in)) == 0 {
		return scanned{}, fmt.Errorf(`empty: it must be {"Pid": …, "messages": […]}`)
	}
	var doc document
	if err := json.Unmarshal(in, &doc); err != nil {
		if strings.HasPrefix(err.Error(), "unexpected end") {
			err = io.ErrUnexpectedEOF // as a json.Decoder says it, for errors.Is
		}
		if json.Valid(in) { // one value is not what it should be: say of which message
			err = cmp.Or(BadElement(in, "messages", func() any { return new(documentItem) }), err)
		}
		return scanned{}, err
	}
	if err := envelopeShape.Check(in); err != nil {
		return scanned{}, err
	}
	out := scanned{env: Envelope{Messages: make([]Message, len(doc.Messages))}, pid: doc.Pid != nil}
	if out.pid {
		out.env.Pid = *doc.Pid
	}
	for i, m := range doc.Messages {
		out.env.Messages[i] = Message{To: m.To, From: m.From, Data: m.Data}
		if m.Pid != nil {
			out.has = append(out.has, inner{i, *m.Pid})
		}
	}
	return out, nil
}

// AppendJSON appends the envelope as JSON. It writes the same bytes as [json.Marshal], faster.
func (e Envelope) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"Pid":`...)
	dst = strconv.AppendInt(dst, e.Pid, 10)
	dst = append(dst, `,"messages":[`...)
	for i, m := range e.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"Pid":`...)
		dst = strconv.AppendInt(dst, m.Pid, 10)
		dst = append(dst, `,"To":`...)
		dst = appendString(dst, string(m.To))
		dst = append(dst, `,"From":`...)
		dst = appendString(dst, string(m.From))
		dst = append(dst, `,"Data":`...)
		dst = m.Data.AppendJSON(dst)
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// appendString appends s as JSON. Letters and digits, as in peer IDs, need no escaping.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			q, err := json.Marshal(s)
			if err != nil { // a string cannot fail
				panic(err)
			}
			return append(dst, q...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
