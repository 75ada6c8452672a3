package mpi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	dst = append(dst, '[')
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(c), 10)
	}
	return append(dst, ']')
}

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

// DecodeEnvelope reads one envelope and nothing after it. Of an inner Pid that is absent it makes
// the outer one, and refuses one that differs; if the outer one is absent it is pid, unless pid is
// nil: then it is an error. It does not look at From and To.
func DecodeEnvelope(in []byte, pid *int64) (Envelope, error) {
	doc, plain := scanDocument(in)
	if !plain {
		if len(bytes.TrimSpace(in)) == 0 {
			return Envelope{}, fmt.Errorf(`empty: it must be {"Pid": …, "messages": […]}`)
		}
		doc = document{}
		if err := json.Unmarshal(in, &doc); err != nil {
			if strings.HasPrefix(err.Error(), "unexpected end") {
				err = io.ErrUnexpectedEOF // as a json.Decoder says it, for errors.Is
			}
			return Envelope{}, err
		}
	}
	if doc.Pid == nil {
		if pid == nil {
			return Envelope{}, fmt.Errorf("Pid is missing: it must be a whole number")
		}
		doc.Pid = pid
	}
	env := Envelope{Pid: *doc.Pid, Messages: make([]Message, len(doc.Messages))}
	for i, m := range doc.Messages {
		if m.Pid != nil && *m.Pid != env.Pid {
			return Envelope{}, fmt.Errorf("messages[%d].Pid is %d, and Pid is %d: they must be the same", i, *m.Pid, env.Pid)
		}
		env.Messages[i] = Message{Pid: env.Pid, To: m.To, From: m.From, Data: m.Data}
	}
	return env, nil
}

// AppendJSON appends the envelope as the API writes it. It does what [json.Marshal] does, without
// checking again every byte of Data.
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

func appendString(dst []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil { // a string cannot fail
		panic(err)
	}
	return append(dst, q...)
}
