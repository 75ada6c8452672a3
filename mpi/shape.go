package mpi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Shape is what a part of a document should look like. It finds what decoders of JSON let pass, and
// what a client would not learn of otherwise: text that is not UTF-8, which they change; keys that
// occur twice or in another case; null in the place of a string. The zero value is a part of which
// nothing is known.
type Shape struct {
	Text  bool              // a string, and not null
	Items *Shape            // of each element of a list
	Keys  map[string]*Shape // of an object
	All   bool              // it has no other keys than Keys
}

// Text is the shape of a string.
var Text = &Shape{Text: true}

// envelopeShape is that of an [Envelope].
var envelopeShape = &Shape{Keys: map[string]*Shape{
	"Pid": {},
	"messages": {Items: &Shape{Keys: map[string]*Shape{
		"Pid": {}, "To": Text, "From": Text, "Data": {},
	}}},
}}

// Check returns what is wrong with a document. It has to be valid JSON.
func (s *Shape) Check(in []byte) error {
	if err := checkText(in); err != nil {
		return err
	}
	w := walker{in: in}
	w.value(s, nil)
	return w.err
}

// checkText finds what is not UTF-8: bytes, and escapes of half a surrogate pair (RFC 8259, section
// 8.2). Decoders put U+FFFD in its place.
func checkText(in []byte) error {
	if !utf8.Valid(in) {
		at := 0
		for {
			r, n := utf8.DecodeRune(in[at:])
			if r == utf8.RuneError && n <= 1 {
				return fmt.Errorf("not UTF-8 (byte %d)", at)
			}
			at += n
		}
	}
	for i := bytes.IndexByte(in, '\\'); i >= 0 && i+1 < len(in); {
		n := 2 // of the escape
		if unit := escape(in[i:]); unit >= 0xd800 && unit < 0xe000 {
			n = 12
			if second := escape(in[min(i+6, len(in)):]); unit >= 0xdc00 || second < 0xdc00 || second >= 0xe000 {
				return fmt.Errorf(`%s is half a character: it is no text (byte %d)`, in[i:i+6], i)
			}
		}
		next := bytes.IndexByte(in[min(i+n, len(in)):], '\\')
		if next < 0 {
			return nil
		}
		i += n + next
	}
	return nil
}

// escape is the unit of UTF-16 whose escape in begins with, or -1.
func escape(in []byte) int {
	if len(in) < 6 || in[0] != '\\' || in[1] != 'u' {
		return -1
	}
	unit := 0
	for _, c := range in[2:6] {
		v := strings.IndexByte("0123456789abcdef", c|0x20)
		if c >= '0' && c <= '9' {
			v = int(c - '0')
		}
		if v < 0 {
			return -1
		}
		unit = 16*unit + v
	}
	return unit
}

// walker is a place in a document of valid JSON.
type walker struct {
	in  []byte
	at  int
	err error // the first
}

// place is where a value is in the document, as the keys and indexes that lead to it.
type place struct {
	parent *place
	key    string // of an object, or empty
	index  int    // in a list
}

// String spells it as "messages[3].to".
func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.key == "":
		return fmt.Sprintf("%s[%d]", p.parent, p.index)
	case p.parent == nil:
		return p.key
	}
	return p.parent.String() + "." + p.key
}

// of is the place in a sentence about one of its keys.
func (p *place) of() string {
	if p == nil {
		return ""
	}
	return p.String() + ": "
}

func (w *walker) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *walker) space() {
	for w.at < len(w.in) && strings.IndexByte(" \t\r\n", w.in[w.at]) >= 0 {
		w.at++
	}
}

// value walks over a value. A nil shape is one of which nothing is known.
func (w *walker) value(s *Shape, p *place) {
	if s == nil {
		s = &Shape{}
	}
	w.space()
	if w.at >= len(w.in) || w.err != nil {
		return
	}
	switch w.in[w.at] {
	case '{':
		w.object(s, p)
	case '[':
		w.list(s, p)
	case '"':
		w.text()
	default: // a number, or a word
		begin := w.at
		for w.at < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[w.at]) < 0 {
			w.at++
		}
		if s.Text && string(w.in[begin:w.at]) == "null" {
			w.fail("%s is null: it must be a string", p)
		}
	}
}

// each calls item for each element up to the closing bracket.
func (w *walker) each(end byte, item func()) {
	w.at++
	for w.space(); w.at < len(w.in) && w.in[w.at] != end && w.err == nil; w.space() {
		if w.in[w.at] == ',' {
			w.at++
			continue
		}
		item()
	}
	w.at++
}

func (w *walker) list(s *Shape, p *place) {
	here := place{parent: p}
	w.each(']', func() {
		w.value(s.Items, &here)
		here.index++
	})
}

func (w *walker) object(s *Shape, p *place) {
	var few [8]string
	seen := few[:0]
	w.each('}', func() {
		key := unquote(w.text())
		switch shape, known := s.Keys[key]; {
		case known && slices.Contains(seen, key):
			w.fail("%sthe key %q occurs twice", p.of(), key)
		case known:
			seen = append(seen, key)
			w.space()
			w.at++ // the colon
			w.value(shape, &place{parent: p, key: key})
			return
		}
		for right := range s.Keys {
			if strings.EqualFold(right, key) {
				w.fail("%sthe key is spelled %q, not %q", p.of(), right, clip([]byte(key)))
			}
		}
		if s.All {
			w.fail("%sunknown key %q", p.of(), clip([]byte(key)))
		}
		w.space()
		w.at++ // the colon
		w.value(nil, nil)
	})
}

// text walks over a string and returns it as it is spelled.
func (w *walker) text() []byte {
	begin := w.at
	for w.at++; w.at < len(w.in) && w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.in[begin:min(w.at, len(w.in))]
}

// BadElement returns the error of the first element of a list that cannot be decoded into what
// fresh returns, with its place: "messages[3].To is a JSON number: it must be a string". The list
// is below the key of a document of valid JSON.
func BadElement(in []byte, key string, fresh func() any) error {
	w := walker{in: in}
	if w.space(); w.at >= len(in) || in[w.at] != '{' {
		return nil
	}
	w.each('}', func() {
		name := unquote(w.text())
		w.space()
		w.at++ // the colon
		if w.space(); name != key || w.at >= len(in) || in[w.at] != '[' {
			w.value(nil, nil)
			return
		}
		here := place{parent: &place{key: key}}
		w.each(']', func() {
			begin := w.at
			w.value(nil, nil)
			var typ *json.UnmarshalTypeError
			switch err := json.Unmarshal(in[begin:w.at], fresh()); {
			case errors.As(err, &typ):
				w.fail("%s", WrongType(strings.TrimSuffix(here.String()+"."+typ.Field, "."), typ))
			case err != nil:
				w.fail("%s: %w", &here, err)
			}
			here.index++
		})
	})
	return w.err
}

// WrongType says that the value at a place of a document is of another type than it must be.
func WrongType(place string, e *json.UnmarshalTypeError) string {
	must := "a " + e.Type.String()
	switch e.Type.Kind() {
	case reflect.Int, reflect.Int64:
		must = "a whole number of 64 bits"
	case reflect.String:
		must = "a string"
	case reflect.Bool:
		must = "true or false"
	case reflect.Slice:
		must = "an array"
	case reflect.Struct, reflect.Map:
		must = "an object"
	}
	return fmt.Sprintf("%s is a JSON %s: it must be %s", place, e.Value, must)
}

// unquote is the text that a string of JSON spells.
func unquote(in []byte) string {
	if len(in) >= 2 && bytes.IndexByte(in, '\\') < 0 {
		return string(in[1 : len(in)-1])
	}
	var s string
	if json.Unmarshal(in, &s) != nil {
		return "" // the caller has valid JSON
	}
	return s
}
